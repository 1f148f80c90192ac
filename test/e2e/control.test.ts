/** Executions that other processes pause, stop, resume and retry. */

import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, expect, test } from 'vitest'
import { startCountingProxy } from '../support/counting-proxy.ts'
import { image } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { type Gate, gatedSource } from './gate.ts'
import { policyBetween } from './harness.ts'
import { type Program, program, type Running, until } from './program.ts'

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function gated(images?: number): Promise<Gate> {
  const gate = await gatedSource(images === undefined ? {} : { images })
  closing.push(
    () => gate.open(),
    () => gate.source.close(),
  )
  return gate
}

const bytesInto = ({ requests }: MemoryRegistry): number => requests.reduce((sum, { bytesIn }) => sum + bytesIn, 0)
const statusOf = async (here: Program, id = 'last'): Promise<string> => (await here.execution(id)).status

/** Two images, one blob at a time: the first stands still in the middle of its layer. */
async function halfWay(): Promise<{
  readonly here: Program
  readonly gate: Gate
  readonly destination: MemoryRegistry
  readonly running: Running
}> {
  const gate = await gated()
  // Of the same repository, so that it is planned, and begun, after the first.
  gate.source.add('app', image({ seed: 'later', layers: 2, size: 400_000 }), 'v2')
  const destination = await registry()
  const here = program()
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url))
  const running = here.start(['run', 'policy.yaml', '--concurrency', '1'])
  await until('half of the blob is sent', () => bytesInto(destination) >= gate.half / 2)
  return { here, gate, destination, running }
}

/** Milliseconds. The promise is two seconds; the machine may be slow, and what would not be stopped takes far longer. */
const SOON = 20_000

test('a paused execution moves nothing, in the middle of a blob too, and continues when it is resumed', async () => {
  const { here, gate, destination, running } = await halfWay()
  const asked = await here.run(['executions', 'pause', 'last'])
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining('execution 1 is being paused') })
  await until('it is paused', async () => (await statusOf(here)) === 'paused')
  expect(running.said()).toContain('waiting: paused by `executions pause`')
  const before = bytesInto(destination)
  gate.open()
  // Long enough for what waits, if it did not.
  expect(await here.run(['executions', 'list'])).toMatchObject({ stdout: expect.stringContaining('paused') })
  expect(bytesInto(destination)).toBe(before)
  expect(destination.repository('mirror/app').blobs.has(gate.blob)).toBe(false)

  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0, stdout: 'execution 1 resumes\n' })
  expect(await running.ended).toMatchObject({ code: 0 })
  expect(await here.executions()).toMatchObject([{ id: 1, status: 'succeeded', succeed: 2 }])
  expect(await here.run(['executions', 'pause', 'last'])).toMatchObject({ code: 2 })
})

test.runIf(process.platform !== 'win32')(
  'a process that wakes up after another one has taken its execution over changes nothing of it',
  async () => {
    const { here, gate, running } = await halfWay()
    running.process.kill('SIGSTOP')
    // As if it ran in another container and had been silent for long: its pid means nothing here.
    const database = new Sqlite(join(here.home, 'history.db'))
    database.exec("UPDATE locks SET machine = 'another', expires_at = 1")
    database.close()
    const resumed = here.start(['executions', 'resume', 'last', '--concurrency', '1'])
    await until('another process runs its tasks', async () =>
      (await here.execution('last')).tasks.some(({ attempts }) => attempts === 2),
    )
    running.process.kill('SIGCONT')
    const lost = await running.ended
    expect(lost.stderr).toContain('execution 1 was taken over by another process')
    expect(lost.code).not.toBe(0)
    expect(await here.execution('last')).toMatchObject({ status: 'in_progress', failed: 0, stopped: 0 })
    gate.open()
    expect(await resumed.ended).toMatchObject({ code: 0 })
    expect(await here.executions()).toMatchObject([{ id: 1, status: 'succeeded', succeed: 2, failed: 0, stopped: 0 }])
  },
)

test('a paused execution can be stopped', async () => {
  const { here, running } = await halfWay()
  await here.run(['executions', 'pause', 'last'])
  await until('it is paused', async () => (await statusOf(here)) === 'paused')
  await here.run(['executions', 'stop', 'last'])
  expect(await running.ended).toMatchObject({ code: 4 })
  expect(await here.execution('last')).toMatchObject({ status: 'stopped', in_progress: 0, stopped: 2 })
})

test('a running execution that is not paused cannot be resumed', async () => {
  const { here } = await halfWay()
  const refused = await here.run(['executions', 'resume', 'last'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('is running, and not paused') })
  const retried = await here.run(['executions', 'retry', 'last'])
  expect(retried).toMatchObject({ code: 2, stderr: expect.stringContaining('execution 1 is running') })
})

test('what was stopped in the middle of a slow blob is final within two seconds, its requests ended', async () => {
  const source = await registry()
  const destination = await registry()
  for (const seed of [1, 2, 3]) source.add('app', image({ seed, layers: 1, size: 4_000_000 }), `v${seed}`)
  const proxy = await startCountingProxy(destination.url)
  closing.push(() => proxy.close())
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, proxy.url))
  const running = here.start(['run', 'policy.yaml', '--bandwidth', '100KiB/s'])
  await until('blobs are on their way', () => proxy.bytesUp > 100_000)
  expect(await here.run(['executions', 'stop', 'last'])).toMatchObject({ code: 0 })
  const asked = performance.now()
  const ended = await running.ended
  expect(performance.now() - asked).toBeLessThan(SOON)
  expect(ended).toMatchObject({ code: 4, stderr: expect.stringContaining('error: stopped by `executions stop`\n') })
  expect(await here.execution('last')).toMatchObject({ status: 'stopped', in_progress: 0, succeed: 0, stopped: 3 })
  expect(proxy.bytesUp).toBeLessThan(4_000_000)
  expect(destination.repository('mirror/app').tags.size).toBe(0)
})

test('what is stopped while it lists ends at once, without a task', async () => {
  const source = await registry({ fault: ({ route }) => (route === 'tags' ? { hang: true } : undefined) })
  const destination = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const running = here.start(['run', 'policy.yaml'])
  await until('it lists', () => source.requests.some(({ route }) => route === 'tags'))
  await here.run(['executions', 'stop', 'last'])
  const asked = performance.now()
  expect(await running.ended).toMatchObject({ code: 4 })
  expect(performance.now() - asked).toBeLessThan(SOON)
  expect(await here.execution('last')).toMatchObject({ status: 'stopped', total: 0 })
})

test('what is stopped while a task waits for another attempt ends at once', async () => {
  const source = await registry()
  const destination = await registry({ fault: ({ method }) => (method === 'PUT' ? { status: 503 } : undefined) })
  source.add('app', image(), 'v1')
  const here = program()
  const yaml = policyBetween(source.url, destination.url)
  here.write('policy.yaml', yaml.replace('{ attempts: 1, delay: 1s }', '{ attempts: 3, delay: 1h }'))
  const running = here.start(['run', 'policy.yaml'])
  await until('the task waits', () => running.said().includes('tasks wait for another attempt'))
  await here.run(['executions', 'stop', 'last'])
  const asked = performance.now()
  expect(await running.ended).toMatchObject({ code: 4 })
  expect(performance.now() - asked).toBeLessThan(SOON)
  const { status, tasks } = await here.execution('last')
  expect({ status, tasks }).toMatchObject({ status: 'stopped', tasks: [{ status: 'stopped', attempts: 1 }] })
})

test('an execution that was killed is resumed under its own number, with its policy as it was', async () => {
  const { here, gate, destination, running } = await halfWay()
  running.process.kill('SIGKILL')
  await running.ended
  gate.open()
  // What the policy means by now is of no account; where its registries are is.
  const changed = policyBetween(gate.source.url, destination.url, '    filters: { tag: nothing }')
  here.write('policy.yaml', changed)
  const resumed = await here.run(['executions', 'resume', 'last', '--json'])
  expect(resumed).toMatchObject({ code: 0 })
  const last = JSON.parse(resumed.stdout.trim().split('\n').at(-1) ?? '')
  expect(last).toMatchObject({ type: 'exit', code: 0, executions: [{ id: 1, status: 'succeeded', succeed: 2 }] })
  expect(destination.repository('mirror/app').tags.get('v1')).toBe(gate.built.digest)
  expect(destination.repository('mirror/app').tags.has('v2')).toBe(true)
  expect(await here.executions()).toHaveLength(1)
  const log = (await here.run(['executions', 'logs', 'last'])).stdout
  expect(log).toContain('attempt 2')
  expect(log).toContain('transfer ended: 2/2')
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('it has succeeded'),
  })
})

test('an execution that was killed while it listed is planned once more when it is resumed', async () => {
  let hang = true
  const source = await registry({ fault: ({ route }) => (hang && route === 'tags' ? { hang: true } : undefined) })
  const destination = await registry()
  source.add('app', image(), 'v1')
  source.add('app', image({ seed: 2 }), 'v2')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const running = here.start(['run', 'policy.yaml', '--filter', 'tag=v2'])
  await until('it lists', () => source.requests.some(({ route }) => route === 'tags'))
  running.process.kill('SIGKILL')
  await running.ended
  hang = false
  expect(await here.run(['executions', 'retry', 'last'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('replicate executions resume 1'),
  })
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0 })
  expect(await here.executions()).toMatchObject([{ id: 1, status: 'succeeded', total: 1, succeed: 1 }])
  // Narrowed as it was.
  expect([...destination.repository('mirror/app').tags.keys()]).toEqual(['v2'])
})

test('a retry is a new execution of what failed, and of nothing else', async () => {
  let broken = true
  const source = await registry({
    fault: ({ route, path }) => (broken && route === 'blob' && path.includes('/bad/') ? { status: 403 } : undefined),
  })
  const destination = await registry()
  source.add('bad', image({ seed: 'bad' }), 'v1')
  source.add('good', image({ seed: 'good' }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 1 })
  expect(await here.run(['executions', 'retry', '1'])).toMatchObject({ code: 1 })
  broken = false
  const retried = await here.run(['executions', 'retry', '1'])
  expect(retried).toMatchObject({ code: 0, stdout: expect.stringContaining('Execution 3 succeeded') })
  expect(retried.stderr).toContain('2 registries reachable · 1 task left')
  expect(await here.executions()).toMatchObject([
    { id: 3, status: 'succeeded', total: 1, succeed: 1 },
    { id: 2, status: 'failed', total: 1, failed: 1 },
    { id: 1, status: 'failed', total: 2, failed: 1 },
  ])
  expect(destination.repository('mirror/bad').tags.size).toBe(1)
  // What failed under the first number can go on there, too.
  expect(await here.run(['executions', 'resume', '1'])).toMatchObject({ code: 0 })
  expect(await here.execution('1')).toMatchObject({ status: 'succeeded', succeed: 2, failed: 0 })
  expect((await here.run(['executions', 'logs', '1'])).stdout).toContain('transfer ended: 1/1')
  expect(await here.run(['executions', 'retry', '3'])).toMatchObject({ code: 2 })
})

test('what was run from standard input is resumed with a configuration that defines its registries', async () => {
  let broken = true
  const source = await registry({
    fault: ({ route }) => (broken && route === 'blob' ? { status: 403 } : undefined),
  })
  const destination = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  const yaml = policyBetween(source.url, destination.url)
  expect(await here.run(['run', '-'], { stdin: yaml })).toMatchObject({ code: 1 })
  broken = false
  const refused = await here.run(['executions', 'resume', 'last'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('standard input') })
  here.write('registries.yaml', yaml)
  expect(await here.run(['executions', 'resume', 'last', '--config', 'registries.yaml'])).toMatchObject({ code: 0 })
})

test('a copy is resumed like a policy', async () => {
  let broken = true
  const source = await registry({
    fault: ({ route }) => (broken && route === 'blob' ? { status: 403 } : undefined),
  })
  source.add('app', image(), 'v1')
  const here = program()
  expect(await here.run(['copy', `${source.host}/app:v1`, 'oci:copied'])).toMatchObject({ code: 1 })
  broken = false
  expect(await here.run(['executions', 'resume', 'last'])).toMatchObject({ code: 0 })
  expect(await here.execution('last')).toMatchObject({ status: 'succeeded', succeed: 1 })
})

test.each([
  [['--fail-fast'], 1],
  [['--max-failures', '2'], 2],
])('%j stops once so many tasks have failed', async (options, failures) => {
  const source = await registry({
    fault: ({ route, path }) => {
      if (route !== 'blob') return undefined
      return /\/(a|b)\//.test(path) ? { status: 403 } : { hang: true }
    },
  })
  const destination = await registry()
  for (const name of failures === 1 ? ['a', 'c'] : ['a', 'b', 'c']) source.add(name, image({ seed: name }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const ended = await here.run(['run', 'policy.yaml', ...options])
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(`stopped after ${failures} failed task`) })
  expect(await here.execution('last')).toMatchObject({ status: 'failed', failed: failures, stopped: 1, in_progress: 0 })
})

test('--timeout stops what has not ended by then', async () => {
  const source = await registry({ fault: ({ route }) => (route === 'blob' ? { hang: true } : undefined) })
  const destination = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const ended = await here.run(['run', 'policy.yaml', '--timeout', '1s'])
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining('the time limit of 1s is over') })
  expect(await here.execution('last')).toMatchObject({ status: 'stopped', stopped: 1, in_progress: 0 })
})

test('--timeout may be longer than what a timer of Node takes', async () => {
  const [source, destination] = [await registry(), await registry()]
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  const ended = await here.run(['run', 'policy.yaml', '--timeout', '30d'])
  expect(ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Timeout') })
})

test('on_overlap: queue waits for the execution that runs', async () => {
  const gate = await gated()
  const destination = await registry()
  const here = program()
  here.write('policy.yaml', policyBetween(gate.source.url, destination.url, '    on_overlap: queue'))
  const running = here.start(['run', 'policy.yaml'])
  await until('half of the blob is sent', () => bytesInto(destination) >= gate.half / 2)
  const queued = here.start(['run', 'policy.yaml'])
  await until('it says that it waits', () => queued.said().includes('waiting:'))
  gate.open()
  expect(await running.ended).toMatchObject({ code: 0 })
  expect(await queued.ended).toMatchObject({ code: 0 })
})

test('a run that was left out because the policy was running is said in the history', async () => {
  const { here, gate, running } = await halfWay()
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 5 })
  gate.open()
  await running.ended
  expect((await here.run(['executions', 'logs', '1'])).stdout).toContain('another run of the policy was left out')
  expect(await here.executions()).toHaveLength(1)
})

test('a policy that is named like the copy of one reference does not keep it waiting', async () => {
  const { here, gate, running } = await halfWay()
  const [other, elsewhere] = [await registry(), await registry()]
  other.add('tool', image(), 'v1')
  const [from, to] = [other, elsewhere].map(({ host }) => host)
  const copy = await here.run(['copy', `${from}/tool:v1`, `${to}/tool:v1`, '--config', 'policy.yaml'])
  expect(copy, copy.stderr).toMatchObject({ code: 0 })
  gate.open()
  expect(await running.ended).toMatchObject({ code: 0 })
})
