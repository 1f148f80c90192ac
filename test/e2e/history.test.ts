/** What the history says of executions: numbers, names, what began them; long ones piece by piece, and old ones pruned. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openHistory } from '../../src/history/history.ts'
import { begin, copies } from '../history/setup.ts'
import { image } from '../support/images.ts'
import { registry } from '../support/registries.ts'
import { policyBetween } from './harness.ts'
import { answer, ENTER, shown } from './keyboard.ts'
import { type Program, program } from './program.ts'
import { hasTerminal, inTerminal } from './terminal.ts'

/** Ended executions with so many tasks, oldest first. */
async function grown(...tasks: readonly number[]): Promise<Program> {
  const here = program()
  let now = Date.parse('2020-01-01T00:00:00Z')
  const history = await openHistory(here.home, { clock: { now: () => now } })
  for (const count of tasks) {
    const id = begin(history, 'old')
    history.tasks.add(id, copies(count))
    history.executions.move(id, 'in_progress')
    for (let line = 0; line < count; line += 1) history.logs.add(id, undefined, 'info', `line ${line}`, now)
    history.tasks.stopRest(id)
    history.executions.finish(id)
    history.logs.flush()
    history.executions.recordExit(id, 4)
    history.locks.release(id)
    now += 86_400_000
  }
  history.close()
  return here
}

test('what is long is whole, as text and as JSON, and ends without a word where nobody reads it', async () => {
  const here = await grown(20_000)
  const shown = await here.run(['executions', 'show', 'last'])
  expect(shown.stdout.split('\n').filter((line) => /^ *\d+ {2}stopped /.test(line))).toHaveLength(20_000)
  expect((await here.execution('last')).tasks).toHaveLength(20_000)
  const logs = await here.run(['executions', 'logs', 'last', '--json'])
  expect(JSON.parse(logs.stdout)).toHaveLength(20_000)
  for (const args of [
    ['show', 'last'],
    ['show', 'last', '--json'],
    ['logs', 'last'],
  ]) {
    const { code, stderr } = await here.start(['executions', ...args], { deaf: true }).ended
    expect([args, stderr]).toEqual([args, ''])
    expect(code).toBe(141)
  }
})

test('prune says what it deletes, deletes it, and gives the space back', async () => {
  const here = await grown(3, 20_000, 2, 1)
  const size = (): number => [...here.state().values()].reduce((sum, bytes) => sum + bytes.byteLength, 0)
  const before = size()
  const tried = await here.run(['executions', 'prune', '--keep', '2', '--dry-run'])
  expect(tried).toMatchObject({
    code: 0,
    stdout: 'would delete 2 executions with 20003 tasks, begun 2020-01-01 to 2020-01-02\n',
  })
  expect(await here.executions()).toHaveLength(4)
  const pruned = await here.run(['executions', 'prune', '--keep', '2'])
  expect(pruned.stdout).toMatch(
    /^deleted 2 executions with 20003 tasks, begun 2020-01-01 to 2020-01-02; \d+\.\d MiB given back\n$/,
  )
  expect(await here.executions()).toMatchObject([
    { id: 4, total: 1 },
    { id: 3, total: 2 },
  ])
  expect(size()).toBeLessThan(before / 10)

  const json = await here.run(['executions', 'prune', '--keep', '1', '--older-than', '90d', '--json'])
  expect(JSON.parse(json.stdout)).toMatchObject({ dry_run: false, deleted: 1, tasks: 2, executions: [3] })
  expect(await here.run(['executions', 'prune', '--keep', '1'])).toMatchObject({ stdout: 'nothing to delete\n' })
})

test.runIf(hasTerminal)('prune asks on a terminal, where Enter means no; --yes is not asked', async () => {
  const here = await grown(1, 1, 1)
  const prune = (...args: readonly string[]) =>
    here.start(['executions', 'prune', '--keep', '1', ...args], { wrap: inTerminal, keyboard: true })
  const asked = prune()
  await answer(asked, [['Delete 2 executions with 2 tasks, begun 2020-01-01 to 2020-01-02?', ENTER]])
  expect((await asked.ended).code, shown(asked)).toBe(0)
  expect(await here.executions()).toHaveLength(3)
  const agreed = prune('--yes')
  expect((await agreed.ended).code, shown(agreed)).toBe(0)
  expect(await here.executions()).toHaveLength(1)
})

test('prune without a word of what may go is refused, and so is nonsense', async () => {
  const here = await grown(1)
  const refused = await here.run(['executions', 'prune'])
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('give --keep 100, --older-than 90d') })
  expect(await here.run(['executions', 'prune', '--keep', '0'])).toMatchObject({ code: 2 })
  expect(await here.run(['executions', 'prune', '--older-than', 'soon'])).toMatchObject({ code: 2 })
  expect(await here.executions()).toHaveLength(1)
})

test('the tasks of every execution are numbered from 1, wherever they are shown or typed', async () => {
  const refused = { status: 403 } as const
  const source = await registry({
    fault: ({ route, path }) => (route === 'blob' && path.includes('/bad/') ? refused : undefined),
  })
  const destination = await registry()
  for (const name of ['good', 'bad']) source.add(name, image({ seed: name }), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
  expect(await here.run(['run', 'policy.yaml'])).toMatchObject({ code: 1 })
  source.add('good', image({ seed: 'new' }), 'v2')
  const second = await here.run(['run', 'policy.yaml'])
  const number = /replicate executions logs 2 (\d)/.exec(second.stderr)?.[1]
  expect(['1', '2']).toContain(number)
  const { tasks } = await here.execution('last')
  expect(tasks.map(({ id, execution_id }) => [execution_id, id])).toEqual([
    [2, 1],
    [2, 2],
  ])
  const failed = tasks.find(({ status }) => status === 'failed')
  expect(String(failed?.id)).toBe(number)
  const log = JSON.parse((await here.run(['executions', 'logs', '2', String(number), '--json'])).stdout)
  expect(log.length).toBeGreaterThan(0)
  expect(new Set(log.map((line: { readonly task_id: number }) => line.task_id))).toEqual(new Set([failed?.id]))
  expect((await here.run(['executions', 'logs', '2'])).stdout).toContain(`[${number}] `)
  expect(await here.run(['executions', 'logs', '2', '3'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('execution 2 has no task 3'),
  })
  // A retry is numbered anew.
  await here.run(['executions', 'retry', '2'])
  expect((await here.execution('last')).tasks.map(({ id }) => id)).toEqual([1])
})

test('without an ID the last execution is meant', async () => {
  const source = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  here.write('policy.yaml', policyBetween(source.url, (await registry()).url))
  await here.run(['run', 'policy.yaml'])
  await here.run(['run', 'policy.yaml'])
  expect((await here.run(['executions', 'show'])).stdout).toContain('Execution 2 succeeded')
  expect((await here.run(['executions', 'logs'])).stdout).toContain('prepare ended')
  expect((await here.run(['executions', 'watch'])).stdout).toContain('Execution 2 succeeded')
  expect((await here.run(['executions', 'report', '--markdown'])).stdout).not.toBe('')
  for (const command of ['stop', 'pause', 'resume', 'retry'])
    expect(await here.run(['executions', command])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('execution 2'),
    })
})

test('what started an execution is kept, as a run says it', async () => {
  const source = await registry()
  source.add('app', image(), 'v1')
  const here = program()
  const told = join(here.directory, 'told')
  const notify = `    notify: [{ on: [succeeded], exec: [sh, -c, 'echo $REPLICATE_TRIGGER >> ${told}'] }]`
  here.write('policy.yaml', policyBetween(source.url, (await registry()).url, notify))
  await here.run(['run', 'policy.yaml'])
  expect(await here.run(['run', 'policy.yaml', '--trigger', 'schedule'])).toMatchObject({ code: 0 })
  expect(await here.executions()).toMatchObject([{ trigger: 'schedule' }, { trigger: 'manual' }])
  expect((await here.run(['executions', 'show'])).stdout).toContain(', schedule')
  expect(readFileSync(told, 'utf8')).toBe('manual\nschedule\n')
  expect(await here.run(['run', 'policy.yaml', '--trigger', 'cron'])).toMatchObject({ code: 2 })
})
