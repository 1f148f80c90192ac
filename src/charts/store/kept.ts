/** What is kept of one repository of charts from run to run. Nothing in it is needed: without it, more is asked. */

import { gunzipSync, gzipSync } from 'node:zlib'
import type { Cache } from '../../core/adapter.ts'

export interface Kept {
  /** Undefined where there is nothing that `form` can read. */
  read<T>(what: string, form: (json: unknown) => T): Promise<T | undefined>
  write(what: string, json: unknown): Promise<void>
}

/** `key` tells the repository from others. */
export function createKept(cache: Cache | undefined, key: string): Kept {
  return {
    async read(what, form) {
      const bytes = await cache?.read(`${what}-${key}`)
      if (!bytes) return undefined
      try {
        return form(JSON.parse(gunzipSync(bytes).toString('utf8')))
      } catch {
        // Written by another version, or damaged: it is made anew.
        return undefined
      }
    },
    async write(what, json) {
      await cache?.write(`${what}-${key}`, gzipSync(JSON.stringify(json), { level: 1 }))
    },
  }
}
