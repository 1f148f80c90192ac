/** Somebody at a terminal who answers the program's questions. */

import { type Running, until } from './program.ts'

export const ENTER = '\r'
export const DOWN = '\u001b[B'
export const UP = '\u001b[A'
export const ESC = '\u001b'
export const CTRL_C = '\u0003'
export const CTRL_D = '\u0004'

/** Milliseconds that a busy machine may take for a question, with what is asked of registries before it. */
const WITHIN = 60_000

/** Waits for each question and types its answer: `[question, keys]`. A question is looked for behind the one before it. */
export async function answer(running: Running, dialog: readonly (readonly [string, string])[]): Promise<void> {
  let from = 0
  for (const [question, keys] of dialog) {
    const isAsked = (): boolean => {
      const at = shown(running).indexOf(question, from)
      if (at >= 0) from = at + question.length
      return at >= 0
    }
    await until(`it asks "${question}"`, isAsked, WITHIN).catch((error: unknown) => {
      throw new Error(`what it said instead: ${shown(running).slice(from)}`, { cause: error })
    })
    running.process.stdin?.write(keys)
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const SEQUENCES = /\u001b(\[[0-9;?]*[A-Za-z]|[=>78])/g

/** What a terminal showed, one line under the other, without colours and movements. */
export function shown(running: Running): string {
  return running.said().replace(SEQUENCES, '').replaceAll('\r', '')
}
