/** Reads the names of policies and registries for shell completion: fast, without checks, and without errors. */

import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { isMap, isScalar, parseDocument } from 'yaml'
import { type PathOptions, userConfiguration } from './paths.ts'

export interface ConfiguredNames {
  readonly policies: readonly string[]
  readonly registries: readonly string[]
}

const MAX_BYTES = 4 * 1024 * 1024

/** Policies are those of the files, or of the user's configuration where none is named; registries those of all. */
export async function configuredNames(options: PathOptions, files: readonly string[]): Promise<ConfiguredNames> {
  const named = await Promise.all(files.map((file) => namesIn(resolve(options.cwd, file))))
  const users = await namesIn(userConfiguration(options).path)
  return {
    policies: (files.length > 0 ? named : [users]).flatMap(({ policies }) => policies),
    registries: [...new Set([...named, users].flatMap(({ registries }) => registries))],
  }
}

/** Whatever a file that is being written holds so far. */
async function namesIn(path: string): Promise<ConfiguredNames> {
  const text = await readFile(path, 'utf8').catch(() => '')
  if (text.length > MAX_BYTES) return { policies: [], registries: [] }
  const { contents } = parseDocument(text, { schema: 'failsafe', prettyErrors: false })
  const keys = (section: string): readonly string[] => {
    const map = isMap(contents) ? contents.get(section) : undefined
    return isMap(map) ? map.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : [])) : []
  }
  return { policies: keys('policies'), registries: keys('registries') }
}
