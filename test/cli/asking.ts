import { type Asker, Back, confirm, secret, select, text } from '../../src/cli/prompt/prompt.ts'
import { colorsFor } from '../../src/cli/render/colors.ts'
import { CancelledError } from '../../src/core/errors.ts'

const [, , what = '', color] = process.argv
const session: Asker = {
  back: process.argv.includes('--back'),
  stderr: { write: (text) => void process.stderr.write(text), isTerminal: process.stderr.isTTY, columns: 80 },
  errorColors: colorsFor(color !== '--no-color'),
  signal: new AbortController().signal,
  env: process.env,
}

/** Says that it has begun, so that a test can type ahead of the questions. */
async function several(): Promise<readonly unknown[]> {
  console.log('begun')
  // Long enough for all keys of a test: they are there before the first question is.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  return [await questions.text?.(), await questions.select?.(), await questions.secret?.(), await questions.confirm?.()]
}

const questions: Readonly<Record<string, () => Promise<unknown>>> = {
  text: () =>
    text(session, {
      message: 'URL:',
      option: '--url',
      fallback: 'https://a.example',
      check: (answer) => (URL.canParse(answer) ? undefined : `${answer} is no URL`),
    }),
  secret: () => secret(session, { message: 'Password:', option: '--password-stdin' }),
  select: () =>
    select(session, {
      message: 'Type:',
      option: '--type',
      fallback: 'b',
      choices: ['a', 'b', 'c'].map((value) => ({ value, name: value.toUpperCase(), description: `about ${value}` })),
    }),
  several,
  confirm: () => confirm(session, { message: 'Save?', option: '--yes', fallback: true }),
}

try {
  console.log(`answer ${JSON.stringify(await questions[what]?.())}`)
} catch (error) {
  if (error instanceof Back) console.log('back')
  else console.log(`error ${error instanceof Error ? error.message : error}`)
  process.exitCode = error instanceof CancelledError ? error.exitCode : 2
}
