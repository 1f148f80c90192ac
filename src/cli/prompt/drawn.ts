/** Questions that are drawn on the terminal again with every key: lists with a cursor, answers that are corrected in place. */

import { PassThrough } from 'node:stream'
import { confirm, input, password, select } from '@inquirer/prompts'
import { truncate, wrapped } from '../render/format.ts'
import { type Keyboard, listen } from './keyboard.ts'
import { type Asker, Back, left, type Prompts, type TextQuestion } from './question.ts'

/** Of a list at once: what is above it stays on the screen. */
function lines(): number {
  return Math.min(20, Math.max(5, (process.stderr.rows || 24) - 8))
}

export function drawnPrompts(asker: Asker): Prompts {
  const theme = themeOf(asker)
  return {
    text: (question) =>
      drawn(asker, (context, keyboard) => {
        const { message, fallback } = question
        const validate = validator(question, keyboard, (answer) => answer.trim())
        return input({ message, theme, validate, ...(fallback === undefined ? {} : { default: fallback }) }, context)
      }),
    secret: (question) =>
      drawn(asker, (context, keyboard) => {
        const masked = { ...theme, style: { ...theme.style, maskedText: '[not shown]' } }
        const validate = validator(question, keyboard, (answer) => answer)
        return password({ message: question.message, theme: masked, toggleMask: false, validate }, context)
      }),
    select: ({ message, choices, first }) =>
      drawn(asker, (context) => {
        // By their places, so that a choice may be anything.
        const listed = choices.map(({ name, description }, value) => ({
          value,
          name: truncate(name, asker.stderr.columns - 3),
          ...(description === undefined ? {} : { description }),
        }))
        return select({ message, choices: listed, theme, pageSize: lines(), loop: false, default: first }, context)
      }),
    confirm: ({ message, fallback }) =>
      drawn(asker, (context) => confirm({ message, default: fallback, theme }, context)),
  }
}

type Context = NonNullable<Parameters<typeof input>[1]>

async function drawn<T>(asker: Asker, prompt: (context: Context, keyboard: () => Keyboard) => Promise<T>): Promise<T> {
  const keys = new PassThrough()
  const leaving = new AbortController()
  const signal = AbortSignal.any([asker.signal, leaving.signal])
  const gone = new Promise<never>((_, reject) => {
    // One that was answered has said so by then.
    const leave = (): void => void setImmediate(() => reject(left()))
    // As by Ctrl-D: a prompt itself would wait forever.
    keys.once('pause', leave)
    keys.once('end', leave)
  })
  gone.catch(() => {})
  if (asker.back) {
    keys.on('keypress', (_, key: { readonly name?: string; readonly meta?: boolean }) => {
      if (key.name === 'escape') leaving.abort(new Back())
    })
  }
  const keyboard = listen({ raw: true, take: (typed) => void keys.write(typed), gone: () => void keys.end() })
  try {
    return await Promise.race([prompt({ input: keys, output: process.stderr, signal }, () => keyboard), gone])
  } catch (error) {
    if (leaving.signal.aborted && !asker.signal.aborted) throw leaving.signal.reason
    const isLeft = error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError')
    throw isLeft ? left(error) : error
  } finally {
    keyboard.end()
  }
}

/** After an answer that is refused the same prompt takes what was typed behind it. */
function validator(
  { check }: TextQuestion,
  keyboard: () => Keyboard,
  cleaned: (answer: string) => string,
): (answer: string) => Promise<string | true> {
  return async (answer) => {
    const wrong = await check?.(cleaned(answer))
    if (wrong !== undefined) setImmediate(() => keyboard().resume())
    return wrong ?? true
  }
}

/** In the colours of standard error, which may have none. */
function themeOf({ errorColors: colors, back, stderr }: Asker) {
  /** At words, below the sign before it. */
  const broken = (text: string): string => wrapped(text, stderr.columns, '  ').trim()

  const keysHelpTip = (keys: [key: string, action: string][]): string =>
    colors.dim([...keys, ...(back ? [['esc', 'back']] : [])].map(([key, action]) => `${key} ${action}`).join(' · '))
  return {
    prefix: { idle: colors.cyan('?'), done: colors.green('✓') },
    style: {
      answer: colors.cyan,
      message: (text: string) => colors.bold(broken(text)),
      error: (text: string) => colors.red(`✗ ${broken(text)}`),
      defaultAnswer: (text: string) => colors.dim(`(${text})`),
      help: colors.dim,
      highlight: colors.cyan,
      description: (text: string) => colors.dim(text.split('\n').map(broken).join('\n')),
      disabled: colors.dim,
      keysHelpTip,
    },
  }
}
