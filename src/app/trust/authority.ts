/** Keeps the certificate of an authority in a file beside the configuration. */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigurationError, hasCode, messageOf } from '../../core/errors.ts'

export interface KeptAuthority {
  readonly path: string
  /** Takes the file away, unless it was there before. */
  undo(): Promise<void>
}

/** Files of one registry. */
const MOST = 100

/** Where `keepAuthority` would keep it as the files are now. */
export async function authorityPath(folder: string, registry: string, pem: string): Promise<string> {
  for (let at = 1; ; at += 1) {
    const path = pathOf(folder, registry, at)
    const kept = await readFile(path, 'utf8').catch((error) => (hasCode(error, 'ENOENT') ? undefined : ''))
    if (kept === undefined || kept === pem || at > MOST) return path
  }
}

/** Under a name that is free, or in a file that has the same. Throws a `ConfigurationError`. */
export async function keepAuthority(folder: string, registry: string, pem: string): Promise<KeptAuthority> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (let at = 1; ; at += 1) {
    const path = pathOf(folder, registry, at)
    try {
      await writeFile(path, pem, { flag: 'wx', mode: 0o644 })
      return { path, undo: () => rm(path, { force: true }) }
    } catch (cause) {
      if (!hasCode(cause, 'EEXIST') || at > MOST) {
        throw new ConfigurationError(`cannot write ${path}: ${messageOf(cause)}`, { cause })
      }
      if ((await readFile(path, 'utf8').catch(() => '')) === pem) return { path, undo: async () => {} }
    }
  }
}

function pathOf(folder: string, registry: string, at: number): string {
  return join(folder, `${registry}-ca${at === 1 ? '' : `-${at}`}.pem`)
}
