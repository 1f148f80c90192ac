/** Completion in real shells: keys are typed at a terminal, and the line that comes of it is run. */

import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { missingShells, SHELLS, type Shell } from '../support/shells.ts'
import { shown } from './keyboard.ts'
import { BIN, type Program, program, until } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

const CONFIGURATION = `registries:
  harbor: { type: docker-registry, url: http://127.0.0.1:1 }
policies:
  base-images: { source: harbor/x, destination: "oci:out" }
  weekly: { source: harbor/x, destination: "oci:out" }
`

let here: Program
beforeEach(() => {
  here = program()
  here.write('config.yaml', CONFIGURATION)
})

const ask = async (...words: readonly string[]): Promise<readonly string[]> => {
  const { code, stdout, stderr } = await here.run(['__complete', '--', ...words], {
    env: { REPLICATE_CONFIG: join(here.directory, 'config.yaml') },
  })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trimEnd().split('\n')
}

describe('the answers', () => {
  test('name policies and registries', async () => {
    expect(await ask('run', '')).toEqual([':file', 'base-images\tpolicy', 'weekly\tpolicy'])
    expect(await ask('run', 'b')).toEqual([':file', 'base-images\tpolicy'])
    expect(await ask('registries', 'ping', '')).toEqual([':', 'harbor\tregistry'])
    expect(await ask('copy', 'h')).toEqual([':', 'harbor/\tregistry'])
    expect((await ask('adapters', 'show', 'oci')).map((line) => line.split('\t')[0])).toEqual([':', 'oci-layout'])
  })

  test('offer no name that a shell would obey', async () => {
    const names = ['$(touch x)', '`touch x`', "'; touch x; '", 'a b', 'fine']
    const policies = names.map((name) => `${JSON.stringify(name)}: { source: harbor/x, destination: "oci:out" }`)
    here.write(
      'config.yaml',
      `registries: { harbor: { type: oci-layout, path: x } }\npolicies: { ${policies.join(', ')} }\n`,
    )
    const answer = (await ask('run', '')).join('\n')
    expect(answer).not.toMatch(/[$`';]/)
  })

  test('name the policies of a file on the line', async () => {
    here.write('other.yaml', 'policies: { nightly: { source: broken')
    expect(await ask('run', 'other.yaml', '--policy', '')).toEqual([':', 'nightly\tpolicy'])
    expect(await ask('run', 'missing.yaml', '--policy', '')).toEqual([':'])
  })

  test('name executions', async () => {
    await here.run(['run', 'base-images', '--config', 'config.yaml'])
    expect(await ask('executions', 'show', '')).toEqual([
      ':',
      'last\tbase-images failed',
      'last:base-images\tits newest',
      '1\tbase-images failed',
    ])
  })

  test('make nothing, and say nothing of what is broken', async () => {
    expect(await ask('executions', 'show', '')).toEqual([':'])
    expect(existsSync(here.home)).toBe(false)
    here.write('config.yaml', 'policies: [}')
    expect(await ask('run', '')).toEqual([':file'])
    mkdirSync(here.home)
    writeFileSync(join(here.home, 'history.db'), 'no database at all')
    expect(await ask('executions', 'show', '')).toEqual([':'])
  })
})

/** Types lines at an interactive shell, which has `replicate`; the result is what that was run with. */
async function typed(shell: Shell, lines: readonly string[]): Promise<readonly string[]> {
  const bin = join(here.directory, 'bin')
  mkdirSync(bin, { recursive: true })
  const asked = `exec '${process.execPath}' '${BIN}' "$@"`
  const file = join(bin, 'replicate')
  const told = `printf 'ran'; printf '|%s' "$@"; printf '|end\\n'`
  writeFileSync(file, `#!/bin/sh\ncase $1 in __complete|completion) ${asked};; esac\n${told}\n`)
  chmodSync(file, 0o755)
  const env = {
    PATH: `${bin}:${process.env.PATH ?? ''}`,
    REPLICATE_CONFIG: join(here.directory, 'config.yaml'),
    TERM: 'dumb',
    HOME: here.directory,
  }
  const running = here.start([], { keyboard: true, env, wrap: () => inTerminal(STARTED[shell]) })
  const ran = (): readonly string[] => [...running.said().matchAll(/ran\|(.*)\|end/g)].map(([, words = '']) => words)
  const isReady = (): boolean => /ready> $/.test(shown(running).trimEnd().concat(' '))
  const type = async (line: string): Promise<void> => {
    await until(`${shell} is ready for ${JSON.stringify(line)}; it said ${running.said()}`, isReady)
    running.process.stdin?.write(`${line}\r`)
  }
  running.process.stdin?.write(`${LOADED[shell]}\r`)
  for (const [index, line] of lines.entries()) {
    await type(line)
    await until(`${JSON.stringify(line)} is run; ${shell} said ${running.said()}`, () => ran().length > index)
  }
  running.process.kill()
  await running.ended
  return ran()
}

const STARTED: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['bash', '--norc', '--noprofile', '-i'],
  zsh: ['zsh', '-f', '-i'],
  fish: ['fish', '--no-config', '-i'],
}

/** The prompt is put together, so that the echo of this line is none. */
const LOADED: Readonly<Record<Shell, string>> = {
  bash: `source <(replicate completion bash); PS1='rea''dy> '`,
  zsh: `autoload -U compinit; compinit -u -D; source <(replicate completion zsh); PS1='rea''dy> '`,
  fish: `replicate completion fish | source; function fish_prompt; echo -n 'rea''dy> '; end`,
}

const TYPED = [
  ['replicate exec\tsh\t', 'executions|show'],
  ['replicate run base\t', 'run|base-images'],
  ['replicate run --policy=we\t', 'run|--policy=weekly'],
  ['replicate run --concur\t3', 'run|--concurrency|3'],
  ['replicate run conf\t', 'run|config.yaml'],
  ['replicate copy har\tlibrary/x', 'copy|harbor/library/x'],
  ['replicate executions show last:b\t', 'executions|show|last:base-images'],
] as const

const missing = missingShells()

test.for(SHELLS)('%s completes what is typed', async (shell, { skip }) => {
  if (!hasTerminal || missing.includes(shell)) skip()
  await here.run(['run', 'base-images', '--config', 'config.yaml'])
  const keys = TYPED.map(([line]) => line)
  expect(await typed(shell, keys)).toEqual(TYPED.map(([, expected]) => expected))
})
