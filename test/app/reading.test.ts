/** The files of a daemon are parsed anew only where they have changed. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import { createReading, type Reading } from '../../src/app/reading.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const YAML = `
registries:
  from: { type: docker-registry, url: 'http://127.0.0.1:1' }
policies:
  copy: { source: from, destination: from/mirror }
`

interface Made {
  readonly reading: () => Promise<Reading>
  write(text: string): void
  readonly counts: { loads: number; contents: number }
}

function made(): Made {
  const cwd = temporaryDirectory()
  const path = join(cwd, 'a.yaml')
  const counts = { loads: 0, contents: 0 }
  const reading = createReading({
    read: async () => [{ path, text: readFileSync(path, 'utf8') }],
    load(files) {
      counts.loads += 1
      return loadConfiguration(files, { env: {}, cwd, types: adapters })
    },
    contentOf({ text }) {
      counts.contents += 1
      return { text }
    },
  })
  return { reading, counts, write: (text) => writeFileSync(path, text) }
}

test('what was read is given again as long as the text is the same, whatever the times of the file say', async () => {
  const { reading, write, counts } = made()
  write(YAML)
  const first = (await reading()).configuration()
  write(YAML)
  expect((await reading()).configuration()).toBe(first)
  const [file] = first.files
  for (let at = 0; at < 3; at += 1) expect((await reading()).content(file?.path ?? '')).toEqual({ text: YAML })
  expect((await reading()).content('/elsewhere.yaml')).toBeUndefined()
  expect(counts).toEqual({ loads: 1, contents: 1 })
  // As long as before, and written at the same time perhaps.
  write(YAML.replace('mirror', 'errorr'))
  expect((await reading()).configuration().policies[0]?.destination.namespace).toBe('errorr')
  expect(counts.loads).toBe(2)
})

test('a broken file is told each time, and read anew once it is mended', async () => {
  const { reading, write, counts } = made()
  write('policies: { copy: {} }')
  const broken = async () => (await reading()).configuration()
  await expect(broken()).rejects.toThrow('source')
  await expect(broken()).rejects.toThrow('source')
  write(YAML)
  expect((await reading()).configuration().policies).toHaveLength(1)
  expect(counts.loads).toBe(3)
})
