import { confirm, secret, select, text } from '../../src/cli/prompt.ts'
import { colorsFor } from '../../src/cli/render/colors.ts'
import { CancelledError } from '../../src/core/errors.ts'

const [, , what = '', color] = process.argv
const session = {
  stderr: { write: () => {}, isTerminal: process.stderr.isTTY, columns: 80 },
  errorColors: colorsFor(color !== '--no-color'),
  signal: new AbortController().signal,
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
  confirm: () => confirm(session, { message: 'Save?', option: '--yes', fallback: true }),
}

try {
  console.log(`answer ${JSON.stringify(await questions[what]?.())}`)
} catch (error) {
  console.log(`error ${error instanceof Error ? error.message : error}`)
  process.exitCode = error instanceof CancelledError ? error.exitCode : 2
}
