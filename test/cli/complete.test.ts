/** What may stand at the end of a command line, read off the commands. */

import { expect, test } from 'vitest'
import { wantedAt } from '../../src/cli/complete.ts'
import { buildProgram } from '../../src/cli/program/program.ts'

const program = buildProgram(async () => {})
const wanted = (...words: readonly string[]) => wantedAt(program, words)
const values = (...words: readonly string[]): readonly string[] => wanted(...words).candidates.map(({ value }) => value)

test('commands, and those below them, with what they are for', () => {
  expect(values('')).toEqual(expect.arrayContaining(['run', 'plan', 'executions', 'completion']))
  expect(values('')).not.toContain('__complete')
  expect(wanted('').candidates).toContainEqual({
    value: 'run',
    description: 'run policies once: prepare, transfer, post',
  })
  expect(values('executions', '')).toEqual(expect.arrayContaining(['list', 'show', 'resume']))
  expect(values('--quiet', '-c', 'my.yaml', 'executions', '')).toContain('list')
})

test('options of the command and of all commands, each once', () => {
  const options = values('run', '-')
  expect(options).toEqual(expect.arrayContaining(['--concurrency', '--policy', '--json', '--help']))
  expect(new Set(options).size).toBe(options.length)
  expect(values('plan', '--')).not.toContain('--concurrency')
})

test.each([
  [['run', ''], { kinds: ['policy'], files: 'file' }],
  [['run', 'one', ''], { kinds: ['policy'], files: 'file' }],
  [['run', '--policy', ''], { kinds: ['policy'] }],
  [['run', '--policy=b'], { kinds: ['policy'], prefix: '--policy=' }],
  [['run', '--policy=b', ''], { kinds: ['policy'], files: 'file' }],
  [['policies', 'show', ''], { kinds: ['policy'] }],
  [['registries', 'ping', 'a', ''], { kinds: ['registry'] }],
  [['credentials', 'check', ''], { kinds: ['registry'] }],
  [['executions', 'show', ''], { kinds: ['execution'] }],
  [['executions', 'show', '1', ''], { kinds: [] }],
  [['adapters', 'show', ''], { kinds: ['adapter'] }],
  [['copy', ''], { kinds: ['place'] }],
  [['copy', 'a', ''], { kinds: ['place'] }],
  [['copy', '--', '-'], { kinds: ['place'] }],
  [['--config', ''], { kinds: [], files: 'file' }],
  [['--home', ''], { kinds: [], files: 'directory' }],
  [['run', '--concurrency', ''], { kinds: [], candidates: [] }],
  [['no-such-command', ''], { kinds: [], candidates: [] }],
])('%j', (words, expected) => {
  expect(wanted(...words)).toMatchObject(expected)
})

test('values that are known from the start', () => {
  expect(values('completion', '')).toEqual(['bash', 'zsh', 'fish'])
  expect(values('run', '--referrers', '')).toEqual(['all', 'changed'])
  expect(values('run', '--filter', '')).toContain('tag=')
  expect(values('executions', 'list', '--status', '')).toContain('in_progress')
})

test('what the line says of configuration and state is heard', () => {
  expect(wanted('--config', 'a.yaml', '--home=/b', 'run', 'c.yaml', 'd', '--policy', '').given).toEqual({
    config: 'a.yaml',
    home: '/b',
    files: ['c.yaml'],
  })
})
