/** Answers questions at a terminal as a guide shows it: one line `✓ QUESTION ANSWER` for each. */

import { until } from '../e2e/program.ts'
import type { OnScreen } from '../e2e/terminal.ts'

const ENTER = '\r'
/** Milliseconds that a question may take on a busy machine: it looks at the registry. */
const WITHIN = 60_000
const DOWN = '\u001b[B'

/** What stands before the question that is open, and before one that is answered. */
const [OPEN, ANSWERED, POINTER] = ['? ', '✓ ', '❯'] as const

/** `secret` is what is typed where nothing is shown. */
export async function answerAsShown(on: OnScreen, shown: string, secret: string): Promise<void> {
  await answerAll(on, shown, secret).catch((error: unknown) => {
    throw new Error(`on the screen stands:\n${on.screen.lines.join('\n')}`, { cause: error })
  })
}

async function answerAll(on: OnScreen, shown: string, secret: string): Promise<void> {
  for (const line of shown.split('\n')) {
    if (!line.startsWith(ANSWERED)) continue
    const wanted = line.slice(ANSWERED.length)
    await until(`it asks for: ${wanted}`, () => isOver(on) || openQuestion(on, wanted) !== undefined, WITHIN)
    const question = openQuestion(on, wanted)
    // What comes after the last question begins in the same way.
    if (question === undefined) return
    await answer(on, question, wanted.slice(question.length).trim(), secret)
  }
}

const isOver = ({ process }: OnScreen): boolean => process.exitCode !== null

/** The question that the cursor stands in, if it is that of the line. */
function openQuestion({ screen }: OnScreen, wanted: string): string | undefined {
  const line = screen.lines.findLast((one) => one.startsWith(OPEN))?.slice(OPEN.length)
  const question = line && /^.*?[:?](?= |$)/.exec(line)?.[0]
  return question !== undefined && wanted.startsWith(question) ? question : undefined
}

async function answer(on: OnScreen, question: string, text: string, secret: string): Promise<void> {
  const chosen = (): string | undefined => on.screen.lines.findLast((line) => line.startsWith(POINTER))
  if (chosen() !== undefined) {
    for (let moves = 0; moves < 50 && !chosen()?.includes(text); moves += 1) {
      const before = chosen()
      on.type(DOWN)
      await until('the next choice is marked', () => chosen() !== before, WITHIN)
    }
    on.type(ENTER)
  } else if (/^(Yes|No)$/.test(text)) on.type(`${text[0]}${ENTER}`)
  else on.type(`${question.startsWith('Password') ? secret : text}${ENTER}`)
  await until(`${question} is answered`, () => isOver(on) || openQuestion(on, question) === undefined, WITHIN)
}
