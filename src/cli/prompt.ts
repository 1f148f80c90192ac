/** Questions on a terminal: written to standard error, answered by keys; never asked without a terminal. */

import type { input } from '@inquirer/prompts'
import { abortReason } from '../core/cancel.ts'
import { CancelledError, ConfigurationError } from '../core/errors.ts'
import type { Session } from './session.ts'

type Asker = Pick<Session, 'stderr' | 'errorColors' | 'signal'>

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

/** True if there is a terminal to ask on. */
export function canAsk({ stderr }: Pick<Session, 'stderr'>): boolean {
  return process.stdin.isTTY === true && stderr.isTerminal
}

/** All of these throw a `ConfigurationError` that names the option where there is no terminal, and a `CancelledError` with status 130
 *  where the answer is Ctrl-C or Ctrl-D. Spaces around a text are taken away. */
export async function text(asker: Asker, question: TextQuestion): Promise<string> {
  const { message, fallback } = question
  const answer = await ask(asker, question, (prompts, theme, context) =>
    prompts.input(
      { message, theme, validate: checked(question), ...(fallback === undefined ? {} : { default: fallback }) },
      context,
    ),
  )
  return answer.trim()
}

/** Nothing of the answer is shown, not even its length. */
export function secret(asker: Asker, question: TextQuestion): Promise<string> {
  return ask(asker, question, (prompts, theme, context) => {
    const masked = { ...theme, style: { ...theme.style, maskedText: '[not shown]' } }
    const validate = async (answer: string) => (await question.check?.(answer)) ?? true
    return prompts.password({ message: question.message, theme: masked, toggleMask: false, validate }, context)
  })
}

export function select<T>(
  asker: Asker,
  question: Question & { readonly choices: readonly Choice<T>[]; readonly fallback?: T },
): Promise<T> {
  const { message, fallback } = question
  // By their places, so that a choice may be anything.
  const choices = question.choices.map(({ name, description }, value) => ({
    value,
    name,
    ...(description === undefined ? {} : { description }),
  }))
  const first = question.choices.findIndex(({ value }) => value === fallback)
  return ask(asker, question, async (prompts, theme, context) => {
    const settings = { message, choices, theme, pageSize: LINES, loop: false, ...(first < 0 ? {} : { default: first }) }
    const chosen = question.choices[await prompts.select(settings, context)]
    if (!chosen) throw new Error('nothing can be chosen from an empty list')
    return chosen.value
  })
}

export function confirm(asker: Asker, question: Question & { readonly fallback: boolean }): Promise<boolean> {
  const { message, fallback } = question
  return ask(asker, question, (prompts, theme, context) =>
    prompts.confirm({ message, default: fallback, theme }, context),
  )
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

/** Of a list at once. */
const LINES = 12

type Prompts = typeof import('@inquirer/prompts')
type Theme = ReturnType<typeof themeOf>
type Context = NonNullable<Parameters<typeof input>[1]>

function checked({ check }: TextQuestion): (answer: string) => Promise<string | true> {
  return async (answer) => (await check?.(answer.trim())) ?? true
}

async function ask<T>(
  asker: Asker,
  question: Question,
  prompt: (prompts: Prompts, theme: Theme, context: Context) => Promise<T>,
): Promise<T> {
  if (!canAsk(asker)) {
    throw new ConfigurationError(`\`${question.option}\` is missing, and there is no terminal to ask on`, {
      hint: `give ${question.option}`,
    })
  }
  const prompts = await import('@inquirer/prompts')
  const { left, forget } = leaving()
  try {
    return await Promise.race([prompt(prompts, themeOf(asker), { output: process.stderr, signal: asker.signal }), left])
  } catch (error) {
    if (asker.signal.aborted) throw abortReason(asker.signal)
    const isLeft = error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')
    throw isLeft ? new CancelledError('interrupted; nothing was changed', 130, { cause: error }) : error
  } finally {
    forget()
  }
}

/** Rejects where the keyboard is put away without an answer, as by Ctrl-D: a prompt itself would wait forever. */
function leaving(): { readonly left: Promise<never>; forget(): void } {
  let onPause = (): void => {}
  const left = new Promise<never>((_, reject) => {
    // One that was answered has said so by then.
    onPause = () => setImmediate(() => reject(new CancelledError('interrupted; nothing was changed', 130)))
  })
  left.catch(() => {})
  process.stdin.once('pause', onPause)
  return { left, forget: () => void process.stdin.off('pause', onPause) }
}

/** In the colours of standard error, which may have none. */
function themeOf({ errorColors: colors }: Asker) {
  const keysHelpTip = (keys: [key: string, action: string][]): string =>
    colors.dim(keys.map(([key, action]) => `${key} ${action}`).join(' · '))
  return {
    prefix: { idle: colors.cyan('?'), done: colors.green('✓') },
    style: {
      answer: colors.cyan,
      message: (text: string) => colors.bold(text),
      error: (text: string) => colors.red(`✗ ${text}`),
      defaultAnswer: (text: string) => colors.dim(`(${text})`),
      help: colors.dim,
      highlight: colors.cyan,
      description: colors.dim,
      disabled: colors.dim,
      keysHelpTip,
    },
  }
}
