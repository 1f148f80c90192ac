/** What the files of the daemon say: read from the disk each time, and parsed anew only where a text has changed. */

import { isDeepStrictEqual } from 'node:util'
import type { Configuration } from '../config/load.ts'
import type { Mapping } from '../config/mapping.ts'
import type { ConfigurationFile } from '../config/source.ts'

export interface Reading {
  readonly files: readonly ConfigurationFile[]
  /** Throws a `ConfigurationError` that names all that is wrong. */
  configuration(): Configuration
  /** What one of them has, as it stands there; undefined for another file, and for one that is not a mapping. */
  content(path: string): Mapping | undefined
}

export interface ReadingParts {
  readonly read: () => Promise<readonly ConfigurationFile[]>
  readonly load: (files: readonly ConfigurationFile[]) => Configuration
  readonly contentOf: (file: ConfigurationFile) => Mapping | undefined
}

export interface KeptReading {
  (): Promise<Reading>
  /** What its files mean was found out elsewhere. */
  now(configuration: Configuration): void
}

/** The result owns the last reading, and gives the same one as long as the files have the same texts. */
export function createReading({ read, load, contentOf }: ReadingParts): KeptReading {
  let last: Reading | undefined

  function readingOf(files: readonly ConfigurationFile[], known?: Configuration): Reading {
    let configuration = known
    const contents = new Map<string, Mapping | undefined>()
    return {
      files,
      configuration() {
        configuration ??= load(files)
        return configuration
      },
      content(path) {
        const file = files.find((one) => one.path === path)
        if (file && !contents.has(path)) contents.set(path, contentOf(file))
        return contents.get(path)
      },
    }
  }

  async function current(): Promise<Reading> {
    const files = await read()
    if (!last || !isDeepStrictEqual(last.files, files)) last = readingOf(files)
    return last
  }

  return Object.assign(current, {
    now(configuration: Configuration) {
      last = readingOf(configuration.files, configuration)
    },
  })
}
