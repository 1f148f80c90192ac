/** Where the output goes: a terminal, none, a reader that leaves. */

import { afterEach, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, until } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

const opened: MemoryRegistry[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

async function prepared(tags = 3): Promise<Program> {
  const [source, destination] = [await startMemoryRegistry(), await startMemoryRegistry()]
  opened.push(source, destination)
  for (let tag = 0; tag < tags; tag += 1) source.add('app', image({ seed: tag }), `v${tag}`)
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  return here
}

const ESCAPE = '\u001b'

test('without a terminal there are plain lines, and results alone on standard output', async () => {
  const here = await prepared()
  const { code, stdout, stderr } = await here.run(['run', 'policy.yaml'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^Execution 1 succeeded in .+\n {2}total 3 · succeeded 3\n$/)
  const lines = stderr.split('\n').map((line) => line.replace(/^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d /, ''))
  expect(lines.map((line) => line.split(' ')[0])).toEqual([
    'copy',
    'prepare',
    'prepare',
    'transfer',
    '+',
    '+',
    '+',
    'transfer',
    'post',
    '',
  ])
  expect(lines.filter((line) => line.startsWith('+')).sort()).toEqual(
    [0, 1, 2].map((tag) =>
      expect.stringMatching(
        new RegExp(`^\\+ from/app:v${tag} → to/mirror/app:v${tag} {2}sha256:[0-9a-f]{12} {2}\\S+ B|KiB`),
      ),
    ),
  )
  expect(stdout + stderr).not.toContain(ESCAPE)
  expect(await here.run(['run', 'policy.yaml', '--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' })
})

test('--json is an object a line, the last of them the exit status', async () => {
  const here = await prepared()
  const { stdout, stderr } = await here.run(['run', 'policy.yaml', '--json'])
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(stderr).toBe('')
  expect(lines[0]).toMatchObject({ type: 'execution', id: 1, status: 'preparing' })
  expect(lines.filter(({ type, status }) => type === 'task' && status === 'succeeded')).toHaveLength(3)
  expect(lines.at(-1)).toMatchObject({ type: 'exit', code: 0, executions: [{ id: 1, succeed: 3 }] })
})

test('a reader that goes away ends a long list without a word', async () => {
  const here = await prepared(300)
  const running = here.start(['plan', 'policy.yaml'], { deaf: true })
  const { code, stderr } = await running.ended
  expect(stderr).toBe('')
  expect([0, 141]).toContain(code)
})

test.runIf(hasTerminal)('a terminal gets bars, colours, and its cursor back', async () => {
  const gate = await gatedSource()
  const destination = await startMemoryRegistry()
  opened.push(gate.source, destination)
  const here = program({ TERM: 'xterm' })
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url))
  const running = here.start(['run', 'policy.yaml'], { wrap: inTerminal })
  await until('a bar stands half way', () => /0\/1.*MiB/.test(running.said()))
  gate.open()
  const { code, stdout } = await running.ended
  expect(code).toBe(0)
  expect(stdout).toContain(`${ESCAPE}[?25l`)
  expect(stdout.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?25l`))
  expect(stdout).toContain('Execution 1')

  const plain = await here.run(['run', 'policy.yaml'], { wrap: inTerminal, env: { NO_COLOR: '1' } })
  expect(plain.stdout).not.toMatch(new RegExp(`${ESCAPE}\\[\\d+m`))
})

test.runIf(hasTerminal)('Ctrl-C on a terminal says that it is stopping, and gives the cursor back', async () => {
  const gate = await gatedSource()
  const destination = await startMemoryRegistry()
  opened.push(gate.source, destination)
  const here = program({ TERM: 'xterm' })
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url))
  const running = here.start(['run', 'policy.yaml'], { wrap: inTerminal, keyboard: true })
  await until('a bar stands half way', () => /0\/1.*MiB/.test(running.said()))
  running.process.stdin?.write('\u0003')
  const { code, stdout } = await running.ended
  gate.open()
  expect(code).toBe(130)
  expect(stdout).toContain('interrupted by SIGINT')
  // The bars are gone before it speaks: none is left standing, and it is not drawn over.
  expect(stdout).toMatch(/━.*stopping; once more to end at once[^━╌]*$/s)
  expect(stdout.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(stdout.lastIndexOf(`${ESCAPE}[?25l`))
})
