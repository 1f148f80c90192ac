/** What can be asked, and by whom; each way of asking has all four kinds. */

import { CancelledError } from '../../core/errors.ts'
import type { Session } from '../session.ts'

export interface Asker extends Pick<Session, 'stderr' | 'errorColors' | 'signal' | 'env'> {
  /** There is a question before this one: `Back` is thrown where the user wants to return to it. */
  readonly back?: boolean
}

export interface Question {
  readonly message: string
  /** What would have said it without a question, such as `--url`. */
  readonly option: string
}

export interface TextQuestion extends Question {
  /** What an empty answer means. */
  readonly fallback?: string | undefined
  /** What is wrong with an answer, or undefined. */
  readonly check?: (answer: string) => string | undefined | Promise<string | undefined>
}

export interface Choice<T> {
  readonly value: T
  readonly name: string
  /** Shown below the list while it is chosen. */
  readonly description?: string | undefined
}

export interface SelectQuestion extends Question {
  readonly choices: readonly Omit<Choice<unknown>, 'value'>[]
  /** The place of the choice that Enter takes. */
  readonly first: number
}

/** Every method throws `Back`, or `left()` where the answer is Ctrl-C or Ctrl-D. */
export interface Prompts {
  text(question: TextQuestion): Promise<string>
  /** Nothing of the answer is shown, not even its length. */
  secret(question: TextQuestion): Promise<string>
  /** The result is the place of a choice. */
  select(question: SelectQuestion): Promise<number>
  confirm(question: Question & { readonly fallback: boolean }): Promise<boolean>
}

/** The user wants to return to the question before this one. */
export class Back extends Error {}

export function left(cause?: unknown): CancelledError {
  return new CancelledError('interrupted; nothing was changed', 130, { cause })
}
