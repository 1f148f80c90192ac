/** The architecture's rule "who may import whom" holds for every file. */

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { circlesIn, violationsIn } from './support/import-rules.ts'

const ROOT = join(import.meta.dirname, '..')

describe('the layers', () => {
  it('import only what is below them', () => {
    const files = ['src', 'adapters', 'bin'].flatMap(sourcesIn)
    expect(files.length).toBeGreaterThan(10)
    expect(files.flatMap((path) => violationsIn(path, readFileSync(join(ROOT, path), 'utf8')))).toEqual([])
  })
})

describe('the rooms', () => {
  const files = ['src', 'adapters'].flatMap(sourcesIn)
  const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

  it('have no circle of imports', () => {
    expect(
      circlesIn(
        files.filter((path) => !path.startsWith('src/http/')),
        read,
      ),
    ).toEqual([])
  })

  it('are folders: nothing but the map and the changes lies loose in src', () => {
    const loose = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) => !entry.isDirectory())
    expect(loose.map(({ name }) => name).sort()).toEqual(['CHANGES.md', 'README.md'])
  })

  it('hold no file past 350 lines', () => {
    expect(files.filter((path) => read(path).split('\n').length > 351)).toEqual([])
  })

  it('hold no files that share a prefix with a file beside them: such files have a folder', () => {
    const names = new Set(files)
    const prefixed = files.filter((path) => {
      const parts = basename(path, '.ts').split('-')
      return parts.some((_, at) => at > 0 && names.has(join(dirname(path), `${parts.slice(0, at).join('-')}.ts`)))
    })
    expect(prefixed).toEqual([])
  })
})

describe('a circle', () => {
  const read = (sources: Readonly<Record<string, string>>) =>
    circlesIn(Object.keys(sources), (path) => sources[path] ?? '')

  it('is found through types and late imports, each circle once', () => {
    const sources = {
      'src/a.ts': "import type { B } from './b.ts'",
      'src/b.ts': "const c = await import('./c/c.ts')",
      'src/c/c.ts': "export { a } from '../a.ts'",
      'src/d.ts': "import { a } from './a.ts'",
    }
    expect(read(sources)).toEqual([['src/a.ts', 'src/b.ts', 'src/c/c.ts']])
  })

  it('is not what two files import both', () => {
    const sources = {
      'src/a.ts': "import { b } from './b.ts'\nimport { c } from './c.ts'",
      'src/b.ts': "import { c } from './c.ts'",
      'src/c.ts': '',
    }
    expect(read(sources)).toEqual([])
  })
})

describe('the rule', () => {
  it.each([
    ['src/core/plan.ts', "import { x } from '../http/client.ts'"],
    ['src/core/plan.ts', "import { readFile } from 'node:fs/promises'"],
    ['src/transfer/blob.ts', "import type { A } from '../history/history.ts'"],
    ['src/engine/plan/plan.ts', "const { x } = await import('../../http/client.ts')"],
    ['src/engine/plan/plan.ts', "import { adapters } from '../../../adapters/index.ts'"],
    ['src/engine/plan/plan.ts', "export { x } from '../../cli/program.ts'"],
    ['src/oci/registry/registry.ts', "import '../../config/load.ts'"],
    ['src/history/history.ts', "import { x } from '../app/app.ts'"],
    ['adapters/zot/index.ts', "import { x } from '../../src/engine/plan.ts'"],
    ['src/oci/registry/registry.ts', "import {\n  request,\n} from 'undici'"],
    ['src/engine/plan/plan.ts', "import picomatch from 'picomatch'"],
    ['src/engine/plan/plan.ts', "import x from '@scope/unheard-of/deep'"],
    ['src/engine/plan/plan.ts', "import { x } from '../../elsewhere/x.ts'"],
    ['src/engine/plan/plan.ts', "console.log('x')"],
    ['src/http/client.ts', "process.stdout.write('x')"],
    ['src/http/client.ts', 'const proxy = process.env.HTTPS_PROXY'],
    ['src/cli/process.ts', 'const home = process.env.HOME'],
  ])('finds in %s: %s', (path, source) => {
    expect(violationsIn(path, source)).toHaveLength(1)
  })

  it.each([
    ['src/cli/program.ts', "import { Command } from 'commander'\nimport type { App } from '../app/app.ts'"],
    ['src/cli/process.ts', 'export const surroundings = {\n  env: process.env,\n  out: process.stdout,\n}'],
    ['src/core/pattern.ts', "import picomatch from 'picomatch'"],
    [
      'src/engine/plan/plan.ts',
      "// import { x } from '../../http/client.ts'\n/* console.log */ import { y } from './y.ts'",
    ],
    ['src/http/client.ts', "const url = 'http://x' // process.env"],
    ['src/app/app.ts', 'const { HOME } = process.env'],
    ['adapters/zot/index.ts', "import { ociRegistry } from '../../src/oci/registry/registry.ts'"],
  ])('finds nothing in %s: %s', (path, source) => {
    expect(violationsIn(path, source)).toEqual([])
  })
})

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[jt]s$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
}
