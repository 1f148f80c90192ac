/** Questions on a real terminal, and what is said where there is none. */

import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { answer, CTRL_C, CTRL_D, DOWN, ENTER, shown } from '../e2e/keyboard.ts'
import { type Ended, program, type Running } from '../e2e/program.ts'
import { hasTerminal, inTerminal } from '../e2e/terminal.ts'

// Dozens of questions one after the other, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000 })

const ASKING = fileURLToPath(new URL('asking.ts', import.meta.url))

function ask(...args: readonly string[]): Running {
  return askIn('xterm', ...args)
}

function askIn(TERM: string, ...args: readonly string[]): Running {
  // The program of the tests, before which stands another one.
  return program({ TERM }).start([], {
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

describe.runIf(hasTerminal)('what is typed ahead', () => {
  test.each([
    ['xterm', `https://b.example\n${DOWN}\ns3cr3t\nn\n`],
    ['dumb', 'nothing\nhttps://b.example\n3\ns3cr3t\nn\n'],
  ])('is for the questions in their order (TERM=%s)', async (term, keys) => {
    const running = askIn(term, 'several')
    await answer(running, [['begun', keys]])
    expect((await running.ended).code, shown(running)).toBe(0)
    expect(shown(running)).toContain('answer ["https://b.example","c","s3cr3t",false]')
  })
})

describe.runIf(hasTerminal)('the way back', () => {
  test.each(['text', 'secret', 'select', 'confirm'])('leads out of a %s by Esc, where there is one', async (what) => {
    const running = ask(what, '--back')
    await answer(running, [[what === 'confirm' ? 'Save?' : ':', '\u001b']])
    expect((await running.ended).stdout).toContain('back')
  })

  test('is an arrow without a cursor, and nothing where there is no question before', async () => {
    const running = askIn('dumb', 'text', '--back')
    await answer(running, [['URL:', '<\n']])
    expect((await running.ended).stdout).toContain('back')
    const first = askIn('dumb', 'text')
    await answer(first, [
      ['URL:', '<\n'],
      ['< is no URL', '\n'],
    ])
    expect((await first.ended).stdout).toContain('answer "https://a.example"')
  })
})

describe.runIf(hasTerminal)('on a terminal without a cursor', () => {
  const plain = async (what: string, ...keys: readonly (readonly [string, string])[]) => {
    const running = askIn('dumb', what, '--no-color')
    await answer(running, keys)
    const ended = await running.ended
    expect(ended.stdout).not.toContain('\u001b')
    return ended
  }

  test('each question is a line, and each answer another', async () => {
    const text = await plain('text', ['URL: (https://a.example)', 'no\n'], ['no is no URL', 'https://c.example\n'])
    expect(text.stdout).toContain('answer "https://c.example"')
    const choice = await plain('select', ['  2) B - about b', '9\n'], ['a number from 1 to 3', '\n'])
    expect(choice.stdout).toContain('answer "b"')
    expect((await plain('confirm', ['Save? (Y/n)', 'what\n'], ['y or n', 'no\n'])).stdout).toContain('answer false')
    const secret = await plain('secret', ['Password:', 's3cx\u007fr3t\r'])
    const [before = '', after] = secret.stdout.split('answer ')
    expect(after).toContain('"s3cr3t"')
    expect(before).not.toContain('s3c')
  })

  test.each(['text', 'secret', 'select', 'confirm'])('Ctrl-C and Ctrl-D end a %s', async (what) => {
    for (const key of what === 'secret' ? [CTRL_C, CTRL_D] : [CTRL_D]) {
      const ended = await plain(what, [what === 'confirm' ? 'Save?' : '(', key])
      expect(ended).toMatchObject({ code: 130 })
    }
  })
})

test('without a terminal the missing option is named, and nothing waits', async () => {
  const asked = await program().start([], { wrap: ([node = '']) => [node, ASKING, 'text'] }).ended
  expect(asked).toMatchObject({ code: 2, stdout: 'error `--url` is missing, and there is no terminal to ask on\n' })
})
