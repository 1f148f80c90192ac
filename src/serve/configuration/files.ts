/** Notices that files have changed: by looking, as no notification crosses network file systems or the links of a ConfigMap. */

import { stat } from 'node:fs/promises'
import type { Clock } from '../../core/cancel.ts'
import { errorCode } from '../../core/errors.ts'

/** Milliseconds from one look to the next. */
export const LOOK_INTERVAL = 1000

export interface WatchOptions {
  readonly files: readonly string[]
  /** How they were when they were read. */
  readonly read: FileStates
  /** Called when they have changed and are the same in two looks: an editor or a copy may write a file in several steps. */
  readonly changed: () => Promise<void>
  readonly clock: Clock
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Resolves once the signal is aborted, or at once where there are no files. */
export async function watchFiles({ files, read, changed, clock, signal }: WatchOptions): Promise<void> {
  if (files.length === 0) return
  let known = read
  let last = known
  while (!signal.aborted) {
    await clock.sleep(LOOK_INTERVAL, signal).catch(() => {})
    if (signal.aborted) return
    const now = await statesOf(files)
    if (now !== known && now === last) {
      known = now
      await changed()
    }
    last = now
  }
}

/** Text that differs where a file does. */
export type FileStates = string

/** What tells a file from the same one before: links are followed, so that another target is another file. */
export async function statesOf(files: readonly string[]): Promise<FileStates> {
  const states = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeMs } = await stat(file)
        return `${dev} ${ino} ${size} ${mtimeMs}`
      } catch (error) {
        return errorCode(error)
      }
    }),
  )
  return files.map((file, index) => `${file} ${states[index]}`).join('\n')
}
