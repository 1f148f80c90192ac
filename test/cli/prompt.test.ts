/** Questions on a real terminal, and what is said where there is none. */

import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { answer, CTRL_C, CTRL_D, DOWN, ENTER, shown } from '../e2e/keyboard.ts'
import { type Ended, program, type Running } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'

const ASKING = fileURLToPath(new URL('asking.ts', import.meta.url))

function ask(...args: readonly string[]): Running {
  // The program of the tests, before which stands another one.
  return program({ TERM: 'xterm' }).start([], {
    keyboard: true,
    wrap: ([node = '']) => inTerminal([node, ASKING, ...args]),
  })
}

async function dialog(
  what: string,
  ...keys: readonly (readonly [string, string])[]
): Promise<Ended & { screen: string }> {
  const running = ask(what)
  await answer(running, keys)
  return { ...(await running.ended), screen: shown(running) }
}

describe.runIf(hasTerminal)('on a terminal', () => {
  test('a text is asked again until it is right, and an empty one is the default', async () => {
    const asked = await dialog(
      'text',
      ['URL:', ` nothing ${ENTER}`],
      ['nothing is no URL', `\u0015https://b.example ${ENTER}`],
    )
    expect(asked).toMatchObject({ code: 0 })
    expect(asked.screen).toContain('answer "https://b.example"')
    expect((await dialog('text', ['(https://a.example)', ENTER])).screen).toContain('answer "https://a.example"')
  })

  test('a secret is not shown', async () => {
    const asked = await dialog('secret', ['Password:', `s3cr3t${ENTER}`])
    const [before = '', after] = asked.stdout.split('answer ')
    expect(after).toContain('"s3cr3t"')
    expect(before).not.toMatch(/s3cr3t|\*/)
  })

  test('one of a list is chosen by arrows, from the default on', async () => {
    const asked = await dialog('select', ['about b', DOWN], ['about c', ENTER])
    expect(asked.screen).toContain('answer "c"')
  })

  test('yes or no', async () => {
    expect((await dialog('confirm', ['Save?', ENTER])).screen).toContain('answer true')
    expect((await dialog('confirm', ['Save?', `n${ENTER}`])).screen).toContain('answer false')
  })

  test.each(['text', 'secret', 'select', 'confirm'])('Ctrl-C and Ctrl-D end a %s with status 130', async (what) => {
    for (const key of [CTRL_C, CTRL_D]) {
      const asked = await dialog(what, [what === 'confirm' ? 'Save?' : ':', key])
      expect(asked).toMatchObject({ code: 130 })
      expect(asked.screen).toContain('error interrupted; nothing was changed')
    }
  })

  test('it has the colours of standard error', async () => {
    const colored = ask('confirm')
    await answer(colored, [['Save?', ENTER]])
    expect((await colored.ended).stdout).toContain('\u001b[1mSave?')
    const plain = ask('confirm', '--no-color')
    await answer(plain, [['Save?', ENTER]])
    expect((await plain.ended).stdout.replaceAll('\u001b', 'ESC')).not.toMatch(/ESC\[\d+m/)
  })
})

test('without a terminal the missing option is named, and nothing waits', async () => {
  const asked = await program().start([], { wrap: ([node = '']) => [node, ASKING, 'text'] }).ended
  expect(asked).toMatchObject({ code: 2, stdout: 'error `--url` is missing, and there is no terminal to ask on\n' })
})
