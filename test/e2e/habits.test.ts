/** Small habits of a good program: a reader that leaves, colours, and no question where nobody can answer. */

import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { startMemoryRegistry } from '../support/memory-registry.ts'
import { policyBetween } from './harness.ts'
import { program } from './program.ts'
import type { inTerminal } from './terminal.ts'

test('whatever is asked, a reader that goes away hears no complaint', async () => {
  const [source, destination] = [await startMemoryRegistry(), await startMemoryRegistry()]
  try {
    source.add('app', image(), 'v1', 'v2')
    const here = program()
    here.write('policy.yaml', policyBetween(source.url, destination.url))
    const env = { REPLICATE_CONFIG: `${here.directory}/policy.yaml` }
    expect(await here.run(['run', 'policy.yaml', '--quiet'])).toMatchObject({ code: 0 })
    const asked = [
      '--help',
      'run --quiet',
      'run --json',
      'plan --json',
      'verify --quiet',
      'executions list',
      'executions show 1',
      'executions logs 1',
      'executions report 1 --markdown',
      'policies list',
      'policies show copy',
      'registries list',
      'adapters list',
      'adapters show oci-layout',
      'config schema',
      'config show',
      'completion bash',
    ]
    for (const line of asked) {
      const { code, signal, stderr } = await here.start(line.split(' '), { deaf: true, env }).ended
      expect({ line, signal, stderr }).toEqual({ line, signal: undefined, stderr: '' })
      expect([0, 141], line).toContain(code)
    }
  } finally {
    await Promise.all([source.close(), destination.close()])
  }
})

test.runIf(existsSync('/dev/full'))('results that cannot be written are an error in plain words', async () => {
  const here = program()
  const full: typeof inTerminal = (command) => ['sh', '-c', 'exec "$@" > /dev/full', 'sh', ...command]
  const { code, stderr } = await here.run(['config', 'schema'], { wrap: full })
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'error: cannot write to standard output: the disk is full\n' })
})

test('a history that cannot be opened is said once', async () => {
  const here = program()
  const { code, stderr } = await here.run(['executions', 'list', '--home', here.write('file', '')])
  expect(code).toBe(2)
  expect(stderr.match(/^error: /gm)).toEqual(['error: '])
})

test.each([
  [['rnu'], 'did you mean `run`?', 'replicate --help'],
  [['executions', 'lst'], 'did you mean `list`?', 'replicate executions --help'],
  [['plan', '--explan'], 'did you mean `--explain`?', 'replicate plan --help'],
  [['--quiet', 'registries', 'png'], 'did you mean `ping`?', 'replicate registries --help'],
])('%j says what was probably meant, and where help is', async (args, meant, help) => {
  const here = program()
  const { code, stdout, stderr } = await here.run(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^error: unknown (command|option) .*\n/)
  expect(stderr).toContain(`  ${meant}\n  see \`${help}\`\n`)
  const json = JSON.parse((await here.run([...args, '--json'])).stdout)
  expect(json).toMatchObject({ type: 'error', code: 'usage', hint: `${meant}; see \`${help}\`` })
})
