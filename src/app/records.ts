/** The history as this process has it: opened on first use, once to be written and once to be read. */

import { HistoryError } from '../core/errors.ts'
import { type History, openHistory } from '../history/history.ts'

export interface Records {
  /** Opens the history on first use, to be written. */
  history(): Promise<History>
  /** The same one where it is open; else as a command reads it that writes nothing of it: also from a directory that cannot be written. */
  records(): Promise<History>
  /** Another one to be read, which the caller closes. */
  readHistory(): Promise<History>
  close(): Promise<void>
}

/** `directory` is asked for at each use: it throws where there is none. */
export function createRecords(directory: () => string, redact: (text: string) => string): Records {
  let writing: Promise<History> | undefined
  let reading: Promise<History> | undefined

  async function readHistory(): Promise<History> {
    const home = directory()
    return openHistory(home, { readonly: true }).catch(async (error: unknown) => {
      if (!(error instanceof HistoryError)) throw error
      // One of an older version is brought up to date.
      return openHistory(home).catch(() => {
        throw error
      })
    })
  }

  return {
    readHistory,
    history() {
      const opened = writing ?? openHistory(directory(), { redact })
      writing = opened
      return opened
    },
    records() {
      if (writing) return writing
      reading ??= readHistory()
      return reading
    },
    async close() {
      // A history that could not be opened was reported where it was needed.
      for (const opened of await Promise.allSettled(new Set([writing, reading]))) {
        if (opened.status === 'fulfilled') opened.value?.close()
      }
    },
  }
}
