/** What adapters keep from run to run: a file for each key, in a directory of the state. What is unused for long is removed. */

import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cache } from '../core/adapter.ts'

/** Milliseconds. */
const DAY = 24 * 60 * 60 * 1000
const KEPT_FOR = 90 * DAY

/** Nothing in it is needed: a directory that cannot be read or written only costs requests. */
export function createCache(directory: string, now: () => number): Cache {
  let isSwept = false
  const pathOf = (key: string): string => join(directory, createHash('sha256').update(key).digest('hex'))

  async function sweep(): Promise<void> {
    if (isSwept) return
    isSwept = true
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if ((await stat(path)).mtimeMs < now() - KEPT_FOR) await rm(path, { force: true })
    }
  }

  return {
    async read(key) {
      const path = pathOf(key)
      const bytes = await readFile(path).catch(() => undefined)
      if (bytes) await utimes(path, now() / 1000, now() / 1000).catch(() => {})
      return bytes
    },
    async write(key, bytes) {
      const path = pathOf(key)
      const partial = `${path}.${randomUUID()}`
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await sweep()
        await writeFile(partial, bytes, { mode: 0o600, flag: 'wx' })
        await rename(partial, path)
      } catch {
        await rm(partial, { force: true }).catch(() => {})
      }
    },
  }
}
