/** What adapters keep from run to run: a file for each key, in a directory of the state. What is unused for long is removed. */

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cache } from '../core/adapter.ts'

/** Milliseconds. */
const DAY = 24 * 60 * 60 * 1000
const KEPT_FOR = 90 * DAY

/** Nothing in it is needed: a directory that cannot be read or written, or for which there is no place, only costs requests. */
export function createCache(directoryOf: () => string, now: () => number): Cache {
  let isSwept = false
  const nameOf = (key: string): string => createHash('sha256').update(key).digest('hex')

  async function sweep(directory: string): Promise<void> {
    if (isSwept) return
    isSwept = true
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if ((await stat(path)).mtimeMs < now() - KEPT_FOR) await rm(path, { force: true })
    }
  }

  return {
    async read(key) {
      try {
        const path = join(directoryOf(), nameOf(key))
        const bytes = await readFile(path)
        await utimes(path, now() / 1000, now() / 1000).catch(() => {})
        return bytes
      } catch {
        return undefined
      }
    },
    async write(key, bytes) {
      let partial: string | undefined
      try {
        const directory = directoryOf()
        const path = join(directory, nameOf(key))
        partial = `${path}.${randomUUID()}`
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await sweep(directory)
        await writeFile(partial, bytes, { mode: 0o600, flag: 'wx' })
        await rename(partial, path)
      } catch {
        if (partial !== undefined) await rm(partial, { force: true }).catch(() => {})
      }
    },
  }
}
