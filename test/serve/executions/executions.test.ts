/** The queue of what is to run: how many at once, in which order, and what becomes of what cannot begin. */

import { expect, test } from 'vitest'
import { LockedError } from '../../../src/core/errors.ts'
import type { ArtifactEvent, PolicyOutcome, RunOptions } from '../../../src/core/requests.ts'
import { createExecutions } from '../../../src/serve/executions/executions.ts'
import type { ServeNews, Wish, WishEnd } from '../../../src/serve/parts.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'

interface Run {
  readonly policy: string
  readonly options: RunOptions
  /** It begins, and holds the policy's lock. */
  begin(): number
  end(outcome?: Partial<PolicyOutcome>): Promise<void>
}

/** A queue whose executions do what the test says. */
async function queue(policies: readonly string[], more = '', overlap = 'skip') {
  const runs: Run[] = []
  const registries = "registries: {a: {type: docker-registry, url: 'http://127.0.0.1:1'}}\n"
  const definitions = policies.map(
    (name) => `  ${name}: {source: {registry: a}, destination: {registry: a, namespace: m}, on_overlap: ${overlap}}\n`,
  )
  const double: DaemonDouble = await daemonDouble(
    `${registries}policies:\n${definitions.join('')}serve: {max_executions: 2}\n${more}`,
    {
      run: ({ name }, _configuration, options, started) =>
        new Promise((resolve) => {
          const run: Run = {
            policy: name,
            options,
            begin() {
              const begun = double.history.executions.begin({
                policy: name,
                snapshot: '{}',
                trigger: 'event',
                lock: name,
              })
              if (!('id' in begun)) throw new Error('locked')
              started(double.history.executions.get(begun.id))
              return begun.id
            },
            async end(outcome = {}) {
              runs.splice(runs.indexOf(run), 1)
              resolve({ policy: name, exitCode: 0, ...outcome })
              await double.clock.advance(0)
            },
          }
          runs.push(run)
        }),
    },
  )
  const news: ServeNews[] = []
  const draining = new AbortController()
  const executions = createExecutions({
    program: double.program,
    current: double.current,
    tell: (one) => void news.push(one),
    keep: double.keep,
    draining: draining.signal,
    signal: double.signal,
  })
  executions.open()
  const ends: WishEnd[] = []
  return {
    runs,
    news,
    ends,
    executions,
    history: double.history,
    clock: double.clock,
    reload: double.reload,
    running: () => runs.map(({ policy }) => policy),
    wish: (policy: string, wanted: Partial<Wish> = {}) =>
      executions.wish({ policy, trigger: 'schedule', settled: (end) => void ends.push(end), ...wanted }),
  }
}

const push = (tag: string): ArtifactEvent => ({ action: 'push', repository: 'app', tag })

test('runs as many at once as max_executions says, and each policy once', async () => {
  const { wish, running, runs, executions } = await queue(['one', 'two', 'three'])
  for (const policy of ['one', 'two', 'three']) wish(policy)
  expect(running()).toEqual(['one', 'two'])
  expect(executions.waiting).toBe(1)
  await runs[0]?.end()
  expect(running()).toEqual(['two', 'three'])
})

test('a policy with a thousand wishes does not keep the others waiting', async () => {
  const { wish, running, runs, executions } = await queue(['busy', 'other', 'third'])
  for (let count = 0; count < 1000; count += 1) wish('busy', { trigger: 'event', events: [push(String(count))] })
  wish('other')
  wish('third')
  expect(running()).toEqual(['busy', 'other'])
  await runs[0]?.end()
  expect(running()).toEqual(['other', 'third'])
  await runs[0]?.end()
  // The 999 that came meanwhile are one execution.
  expect(runs.map(({ policy, options }) => [policy, options.events?.length])).toEqual([
    ['third', undefined],
    ['busy', 999],
  ])
  expect(executions.waiting).toBe(0)
})

test('what is due while the policy runs is left out, and the execution that runs tells it', async () => {
  const { wish, ends, news, runs, history } = await queue(['one'])
  wish('one')
  const id = runs[0]?.begin() ?? 0
  wish('one')
  expect(ends).toEqual([{ kind: 'left', reason: 'the policy is still running' }])
  expect(news.at(-1)).toEqual({
    type: 'wish_left',
    policy: 'one',
    trigger: 'schedule',
    reason: 'the policy is still running',
  })
  expect([...history.logs.list(id, {})].map(({ text }) => text)).toEqual([
    'another run of the policy was left out (trigger: schedule): this one is still running',
  ])
})

test('what is due while only events of the policy run waits for them', async () => {
  const { wish, ends, runs } = await queue(['one'])
  wish('one', { trigger: 'event', events: [push('v1')] })
  wish('one')
  expect(ends).toEqual([])
  await runs[0]?.end()
  expect(runs.map(({ options }) => [options.trigger, options.events])).toEqual([['schedule', undefined]])
})

test('with on_overlap: queue one of them waits, and further ones are left out', async () => {
  const { wish, ends, runs } = await queue(['one'], '', 'queue')
  for (let count = 0; count < 4; count += 1) wish('one')
  expect(ends).toEqual(Array(2).fill({ kind: 'left', reason: 'the same waits already' }))
  await runs[0]?.end()
  await runs[0]?.end()
  expect(runs).toEqual([])
  expect(ends.slice(2).map(({ kind }) => kind)).toEqual(['ran', 'ran'])
})

test('events always wait, and each of their wishes is told that it began and how it ended', async () => {
  const { wish, ends, runs } = await queue(['one'])
  const began: number[] = []
  wish('one')
  for (const tag of ['1', '2']) {
    wish('one', { trigger: 'event', events: [push(tag)], started: ({ id }) => void began.push(id) })
  }
  await runs[0]?.end()
  expect(runs[0]?.options).toEqual({ trigger: 'event', wait: false, events: [push('1'), push('2')] })
  const id = runs[0]?.begin()
  await runs[0]?.end()
  expect(began).toEqual([id, id])
  expect(ends.map(({ kind }) => kind)).toEqual(['ran', 'ran', 'ran'])
})

test('events for a policy that another process runs are tried again, and nothing of them is lost', async () => {
  const { wish, ends, runs, running, clock } = await queue(['one', 'two'])
  const locked = { exitCode: 5, error: new LockedError('policy one is already running') }
  wish('one', { trigger: 'event', events: [push('1')] })
  await runs[0]?.end(locked)
  expect(running()).toEqual([])
  wish('one', { trigger: 'event', events: [push('2')] })
  // It holds no place meanwhile.
  wish('two')
  expect(running()).toEqual(['two'])
  await clock.advance(10_000)
  expect(runs.map(({ policy, options }) => [policy, options.events])).toEqual([
    ['two', undefined],
    ['one', [push('1'), push('2')]],
  ])
  expect(ends).toEqual([])
})

test('a schedule of a policy that another process runs is left out, and that execution tells it', async () => {
  const { wish, ends, runs, history } = await queue(['one'])
  const begun = history.executions.begin({ policy: 'one', snapshot: '{}', trigger: 'manual', lock: 'one' })
  const execution = 'id' in begun ? begun.id : 0
  wish('one')
  await runs[0]?.end({ exitCode: 5, error: new LockedError('policy one is already running', { execution }) })
  expect(ends).toEqual([{ kind: 'left', reason: 'another process runs the policy' }])
  expect([...history.logs.list(execution, {})]).toHaveLength(1)
})

test('a policy that is gone or disabled by the time of its turn is left out', async () => {
  const { wish, ends, runs, running, reload, executions } = await queue(['one', 'two', 'three'])
  for (const policy of ['one', 'two', 'three', 'four']) wish(policy)
  expect(ends).toEqual([{ kind: 'left', reason: 'the policy is gone or disabled' }])
  await reload(
    "policies: {one: {source: {registry: 'localhost:1'}, destination: {registry: 'localhost:2', namespace: m}}}\n",
  )
  executions.reloaded()
  await runs[0]?.end()
  expect(ends.map(({ kind }) => kind)).toEqual(['left', 'left', 'ran'])
  expect(running()).toEqual(['two'])
})

test('at the end what waits is dropped, and what runs is waited for', async () => {
  const { wish, ends, runs, executions } = await queue(['one', 'two', 'three'])
  for (const policy of ['one', 'two', 'three']) wish(policy)
  let isIdle = false
  const idle = executions.close().then(() => {
    isIdle = true
  })
  wish('one')
  expect(ends).toEqual([{ kind: 'dropped' }, { kind: 'dropped' }])
  await runs[0]?.end()
  expect(isIdle).toBe(false)
  await runs[0]?.end()
  await idle
  expect(ends.map(({ kind }) => kind)).toEqual(['dropped', 'dropped', 'ran', 'ran'])
})
