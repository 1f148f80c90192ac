/** Questions on a terminal: written to standard error, answered by keys; never asked without a terminal. */

import { abortReason } from '../../core/cancel.ts'
import { ConfigurationError } from '../../core/errors.ts'
import { showsUnicode } from '../render/symbols.ts'
import { movesCursor, type Session } from '../session.ts'
import type { Asker, Choice, Prompts, Question, TextQuestion } from './question.ts'

export { type Asker, Back, type Choice, type Question, type TextQuestion } from './question.ts'

/** True if there is a terminal to ask on. */
export function canAsk({ stderr }: Pick<Session, 'stderr'>): boolean {
  return process.stdin.isTTY === true && stderr.isTerminal
}

/** All of these throw a `ConfigurationError` that names the option where there is no terminal, a `CancelledError` with status 130 where the
 *  answer is Ctrl-C or Ctrl-D, and `Back` where the asker allows that. Spaces around a text are taken away. */
export async function text(asker: Asker, question: TextQuestion): Promise<string> {
  return (await ask(asker, question, (prompts) => prompts.text(question))).trim()
}

/** Nothing of the answer is shown, not even its length. */
export function secret(asker: Asker, question: TextQuestion): Promise<string> {
  return ask(asker, question, (prompts) => prompts.secret(question))
}

/** `fallback` is the value of the choice that Enter takes; else that is the first. */
export async function select<T>(
  asker: Asker,
  question: Question & { readonly choices: readonly Choice<T>[]; readonly fallback?: T | undefined },
): Promise<T> {
  const { choices, fallback } = question
  const first = Math.max(
    0,
    choices.findIndex(({ value }) => value === fallback),
  )
  const chosen = choices[await ask(asker, question, (prompts) => prompts.select({ ...question, first }))]
  if (!chosen) throw new Error('nothing can be chosen from an empty list')
  return chosen.value
}

export function confirm(asker: Asker, question: Question & { readonly fallback: boolean }): Promise<boolean> {
  return ask(asker, question, (prompts) => prompts.confirm(question))
}

/** Before something is deleted: asked on a terminal, where Enter means no; a script has decided already, as has `--yes`. */
export async function mayDelete(
  session: Asker & Pick<Session, 'json'>,
  message: string,
  { yes = false }: YesFlag,
): Promise<boolean> {
  if (yes || session.json || !canAsk(session)) return true
  if (await confirm(session, { message, option: '--yes', fallback: false })) return true
  session.stderr.write('nothing was deleted\n')
  return false
}

export interface YesFlag {
  /** Ask nothing. */
  readonly yes?: boolean
}

async function ask<T>(asker: Asker, question: Question, work: (prompts: Prompts) => Promise<T>): Promise<T> {
  if (!canAsk(asker)) {
    throw new ConfigurationError(`\`${question.option}\` is missing, and there is no terminal to ask on`, {
      hint: `give ${question.option}`,
    })
  }
  const prompts =
    !movesCursor(asker) || !showsUnicode(asker.env)
      ? (await import('./plain.ts')).plainPrompts(asker)
      : (await import('./drawn.ts')).drawnPrompts(asker)
  try {
    return await work(prompts)
  } catch (error) {
    throw asker.signal.aborted ? abortReason(asker.signal) : error
  }
}
