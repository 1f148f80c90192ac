/** Questions on a terminal that cannot be drawn on, or has only ASCII: each a line, and its answer another. `<` returns to the question before. */

import { StringDecoder } from 'node:string_decoder'
import { abortReason } from '../../core/cancel.ts'
import { printable } from '../render/format.ts'
import { type Keyboard, listen } from './keyboard.ts'
import { type Asker, Back, left, type Prompts, type TextQuestion } from './question.ts'

/** Said once in a process. */
let isTold = false

export function plainPrompts(asker: Asker): Prompts {
  const say = (text: string): void => asker.stderr.write(text)
  if (asker.back && !isTold) {
    isTold = true
    say('  `<` returns to the question before\n')
  }

  /** Asks until `read` understands the answer. */
  async function until<T>(
    question: string,
    read: (answer: string) => Promise<{ readonly value: T } | { readonly wrong: string }>,
    hidden = false,
  ): Promise<T> {
    for (;;) {
      const answer = await line(asker, question, hidden)
      if (hidden) say('\n')
      if (asker.back && answer.trim() === '<') throw new Back()
      const result = await read(hidden ? answer : answer.trim())
      if ('value' in result) return result.value
      say(`  ${result.wrong}\n`)
    }
  }

  const checked = async ({ check }: TextQuestion, value: string) => {
    const wrong = await check?.(value)
    return wrong === undefined ? { value } : { wrong }
  }
  return {
    text(question) {
      const { message, fallback } = question
      const shown = fallback ? `${message} (${fallback}) ` : `${message} `
      return until(shown, (answer) => checked(question, answer === '' ? (fallback ?? '') : answer))
    },
    secret: (question) => until(`${question.message} (not shown) `, (answer) => checked(question, answer), true),
    select({ message, choices, first }) {
      const lines = choices.map(({ name, description }, at) => {
        const about = description === undefined ? '' : ` - ${printable(description)}`
        return `  ${at + 1}) ${name}${about}\n`
      })
      const last = choices.length
      say(`${message}\n${lines.join('')}`)
      return until(`1 to ${last} (${first + 1}) `, async (answer) => {
        const at = answer === '' ? first : Number(answer) - 1
        return choices[at] === undefined ? { wrong: `a number from 1 to ${last}` } : { value: at }
      })
    },
    confirm({ message, fallback }) {
      return until(`${message} (${fallback ? 'Y/n' : 'y/N'}) `, async (answer) => {
        if (answer === '') return { value: fallback }
        if (/^y(es)?$/i.test(answer)) return { value: true }
        return /^no?$/i.test(answer) ? { value: false } : { wrong: 'y or n' }
      })
    },
  }
}

const CTRL_C = 3
const CTRL_D = 4
const BACKSPACES: readonly number[] = [8, 127]
const ENTERS: readonly number[] = [10, 13]

/** The terminal itself echoes and edits what is not hidden. */
async function line({ signal, stderr }: Asker, question: string, hidden: boolean): Promise<string> {
  let typed: number[] = []
  let keyboard: Keyboard | undefined
  let forget = (): void => {}
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (): void => reject(abortReason(signal))
      signal.addEventListener('abort', stop, { once: true })
      forget = () => signal.removeEventListener('abort', stop)
      if (signal.aborted) stop()
      const take = (keys: Buffer): void => {
        for (const key of keys) {
          if (ENTERS.includes(key)) resolve(new StringDecoder('utf8').end(Buffer.from(typed)))
          else if (hidden && (key === CTRL_C || (key === CTRL_D && typed.length === 0))) reject(left())
          else if (hidden && BACKSPACES.includes(key)) typed = typed.slice(0, -1)
          else typed.push(key)
        }
      }
      keyboard = listen({ raw: hidden, take, gone: () => reject(left()) })
      // Only now: what is typed as soon as it is asked for must not be echoed.
      stderr.write(question)
    })
  } finally {
    forget()
    keyboard?.end()
  }
}
