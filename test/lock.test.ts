/** The lock file pins the content of every package, so that `npm ci` compares all it installs. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

interface Locked {
  readonly integrity?: string
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

function locked(): Readonly<Record<string, Locked>> {
  return (JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8')) as Lock).packages
}

interface Lock {
  readonly packages: Readonly<Record<string, Locked>>
}

it('has an integrity for every package of the lock file', () => {
  const packages = Object.entries(locked()).filter(([path, { link }]) => path !== '' && !link)
  expect(packages.length).toBeGreaterThan(100)
  expect(packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([])
})

it('has every package that another one needs, or may use, so that `npm ci` accepts it', () => {
  const packages = locked()
  const missing = Object.entries(packages).flatMap(([path, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !placesOf(path, name).some((place) => place in packages))
      .map((name) => `${path} needs ${name}`),
  )
  expect(missing).toEqual([])
})

/** Where Node looks for a package that the one at `path` imports. */
function placesOf(path: string, name: string): readonly string[] {
  const parts = path.split('/node_modules/')
  const above = parts.map((_, at) => parts.slice(0, parts.length - at).join('/node_modules/'))
  return [...above.filter((one) => one !== '').map((one) => `${one}/node_modules/${name}`), `node_modules/${name}`]
}
