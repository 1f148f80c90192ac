/** How events become wishes: a clock that stands, a history of its own, and executions that only note what they are asked for. */

import { expect, test } from 'vitest'
import type { RegistryEvent } from '../../../src/core/adapter.ts'
import { HistoryError, NetworkError } from '../../../src/core/errors.ts'
import type { PolicyOutcome } from '../../../src/core/requests.ts'
import { createEvents } from '../../../src/serve/events/events.ts'
import type { Wish } from '../../../src/serve/parts.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'

const MINUTE = 60_000
const digest = `sha256:${'a'.repeat(64)}` as const

function yaml(policies: string, settle = ''): string {
  return `
registries:
  hub: { type: docker-registry, url: https://hub.test }
  mirror: { type: docker-registry, url: https://mirror.test }
${settle}
policies:
${policies}`
}

function policy(name: string, more = ''): string {
  return `  ${name}:
    source: { registry: hub }
    destination: { registry: mirror }
    triggers: [{ event: [push, delete] }]
${more}
`
}

async function started(text: string = yaml(policy('base'))) {
  const daemon = await daemonDouble(text)
  return { daemon, events: createEvents(daemon) }
}

function push(tag: string, more: Partial<RegistryEvent> = {}): RegistryEvent {
  return { action: 'push', repository: 'team/app', tag, ...more }
}

function tagsIn({ events = [] }: Wish): readonly (string | undefined)[] {
  return events.map(({ tag }) => tag)
}

/** An execution of the history that has ended, and the outcome of it. */
function ran(daemon: DaemonDouble, name = 'base', outcome: Partial<PolicyOutcome> = {}): PolicyOutcome {
  const begun = daemon.history.executions.begin({ policy: name, snapshot: '{}', trigger: 'event', lock: name })
  if (!('id' in begun)) throw new Error('locked')
  daemon.history.executions.move(begun.id, 'in_progress')
  const execution = daemon.history.executions.finish(begun.id)
  daemon.history.locks.release(begun.id)
  return { policy: name, exitCode: 0, execution, ...outcome }
}

test('events of one artifact that come within the time to settle are one, and the last of them wins', async () => {
  const { daemon, events } = await started(yaml(policy('base', '    deletion: events')))
  expect(events.take('hub', [push('1'), push('2')], 'event')).toBe(2)
  await daemon.clock.advance(1500)
  events.take('hub', [push('1', { action: 'delete' })], 'event')
  await daemon.clock.advance(600)
  expect(daemon.wishes).toMatchObject([
    { policy: 'base', trigger: 'event', events: [{ action: 'push', repository: 'team/app', tag: '2' }] },
  ])
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await daemon.clock.advance(1500)
  expect(daemon.wishes[1]?.events).toEqual([{ action: 'delete', repository: 'team/app', tag: '1' }])
})

test('an event that its registry tells late waits no more than what is left of the time to settle', async () => {
  const { daemon, events } = await started()
  const ago = (milliseconds: number) => ({ time: new Date(daemon.clock.now() - milliseconds) })
  events.take('hub', [push('1', ago(1500))], 'event')
  await daemon.clock.advance(490)
  expect(daemon.wishes).toEqual([])
  await daemon.clock.advance(10)
  expect(daemon.wishes.map(tagsIn)).toEqual([['1']])
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  events.take('hub', [push('2', ago(3000))], 'event')
  await daemon.clock.advance(0)
  expect(daemon.wishes.map(tagsIn)).toEqual([['1'], ['2']])
})

test('a delete reaches only policies whose deletion asks for it', async () => {
  const { daemon, events } = await started(
    yaml(policy('never') + ['events', 'owned', 'mirror'].map((how) => policy(how, `    deletion: ${how}`)).join('')),
  )
  events.take('hub', [push('1', { action: 'delete' })], 'event')
  await daemon.clock.advance(2000)
  expect(daemon.wishes.map((wish) => wish.policy).sort()).toEqual(['events', 'mirror', 'owned'])
})

test('an event makes no execution where nothing of a policy selects it', async () => {
  const selecting = [
    '    filters: { name: "other/**" }',
    '    filters: { tag: "v*" }',
    '    filters: { exclude: { tag: 1 } }',
    '    filters: { regex: { tag: "2" } }',
    '    filters: { semver: ">1" }',
    '    enabled: false',
  ]
  const policies = selecting.map((more, at) => policy(`p${at}`, more)).join('')
  const narrow = policies + policy('spaces').replace('registry: hub', 'registry: hub, namespaces: [group]')
  const other = `${narrow}${policy('scans').replace('[push, delete]', '[scan]')}${policy('all')}`
  const { daemon, events } = await started(yaml(other))
  events.take('hub', [push('1')], 'event')
  events.take('mirror', [push('1')], 'event')
  await daemon.clock.advance(2000)
  expect(daemon.wishes.map((wish) => wish.policy)).toEqual(['all'])
  expect(daemon.history.events.list(9).map(({ registry, state }) => `${registry} ${state}`)).toEqual([
    'mirror passed',
    'hub taken',
  ])
})

test('what polling has found goes at once, and only to the policy that polls', async () => {
  const polling = policy('polls').replace('{ event: [push, delete] }', '{ poll: 5m }')
  const { daemon, events } = await started(yaml(policy('base') + polling))
  events.take('hub', [push('1')], 'poll', 'polls')
  await daemon.clock.advance(0)
  expect(daemon.wishes).toMatchObject([{ policy: 'polls', trigger: 'poll', events: [{ tag: '1' }] }])
})

test('a burst of 1,000 makes one execution, and what comes while it runs the next one', async () => {
  const { daemon, events } = await started()
  for (let at = 0; at < 1000; at += 1) events.take('hub', [push(`v${at}`)], 'event')
  await daemon.clock.advance(2000)
  expect(daemon.wishes).toHaveLength(1)
  expect(new Set(daemon.wishes.flatMap(tagsIn)).size).toBe(1000)
  events.take('hub', [push('later'), push('v1')], 'event')
  await daemon.clock.advance(60 * MINUTE)
  expect(daemon.wishes).toHaveLength(1)
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await daemon.clock.advance(0)
  expect(daemon.wishes).toHaveLength(2)
  expect(daemon.wishes.slice(1).flatMap(tagsIn).sort()).toEqual(['later', 'v1'])
})

test('more than 1,000 events of a policy are several executions, one after the other', async () => {
  const { daemon, events } = await started()
  events.take(
    'hub',
    Array.from({ length: 2500 }, (_, at) => push(`v${at}`)),
    'event',
  )
  await daemon.clock.advance(2000)
  for (let at = 0; at < 3; at += 1) {
    expect(daemon.wishes).toHaveLength(at + 1)
    daemon.wishes[at]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
    await daemon.clock.advance(0)
  }
  expect(daemon.wishes.map(({ events: told }) => told?.length)).toEqual([1000, 1000, 500])
  expect(daemon.history.reactions.policies()).toEqual([])
})

test('a later process acts on what an earlier one has left, whether it had settled or was wished', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  events.take('hub', [push('2')], 'event')
  expect(daemon.wishes).toHaveLength(1)
  daemon.end()
  await events.ended()
  const later = await daemonDouble(
    yaml(policy('base')),
    { history: daemon.history },
    {},
    manualClock(daemon.clock.now()),
  )
  createEvents(later)
  await later.clock.advance(2000)
  expect(later.wishes.flatMap(tagsIn).sort()).toEqual(['1'])
  later.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await later.clock.advance(0)
  expect(later.wishes.slice(1).flatMap(tagsIn)).toEqual(['2'])
})

test('a wish that the daemon drops as it ends stays to be done', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  daemon.wishes[0]?.settled?.({ kind: 'dropped' })
  await daemon.clock.advance(MINUTE)
  expect(daemon.wishes).toHaveLength(1)
  expect(daemon.history.reactions.due('base', daemon.clock.now(), 9)).toMatchObject([{ event: { tag: '1' }, tries: 0 }])
})

test('a policy that is gone or disabled meanwhile is not waited for, and the log says what is left out', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  await daemon.reload(yaml(policy('base', '    enabled: false')), events)
  daemon.wishes[0]?.settled?.({ kind: 'left', reason: 'the policy is gone or disabled' })
  await daemon.clock.advance(0)
  expect(daemon.wishes).toHaveLength(1)
  expect(daemon.history.events.waiting()).toBe(0)
  expect(daemon.news).toContainEqual(
    expect.objectContaining({ level: 'warning', text: expect.stringContaining('1 event for policy base') }),
  )
})

test('a reload that adds a policy gives it no events of before', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await daemon.reload(yaml(policy('base') + policy('new')), events)
  await daemon.clock.advance(MINUTE)
  expect(daemon.wishes).toHaveLength(1)
})

test('what failed as a registry was down is tried again, at growing intervals, and given up at last', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  const times: number[] = []
  for (let at = 0; at < 20; at += 1) {
    const wish = daemon.wishes[at]
    if (!wish) break
    times.push(daemon.clock.now())
    const error = new NetworkError('connection refused')
    wish.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 3, error } })
    for (let waited = 0; waited < 120 && daemon.wishes.length === at + 1; waited += 1)
      await daemon.clock.advance(30_000)
  }
  const pauses = times.slice(1).map((time, at) => (time - (times[at] ?? 0)) / MINUTE)
  expect(pauses).toEqual([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60])
  expect(daemon.news).toContainEqual(
    expect.objectContaining({ level: 'error', text: expect.stringMatching(/gives up on 1 event.*connection refused/) }),
  )
  expect(daemon.history.events.waiting()).toBe(0)
})

test('what failed as a registry was down is tried at once when that registry is healthy again', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  const error = new NetworkError('connection refused')
  for (let at = 0; at < 4; at += 1) {
    daemon.wishes.at(-1)?.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 3, error } })
    await daemon.clock.advance(4 * MINUTE)
  }
  const before = daemon.wishes.length
  daemon.wishes.at(-1)?.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 3, error } })
  await daemon.clock.advance(1000)
  expect(daemon.wishes).toHaveLength(before)
  daemon.tell({ type: 'registry_changed', registry: 'mirror', healthy: true })
  await daemon.clock.advance(0)
  expect(daemon.wishes).toHaveLength(before + 1)
})

test('of an execution with failed tasks only those are tried again that may succeed then', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('fine'), push('down'), push('denied')], 'event')
  await daemon.clock.advance(2000)
  const { executions, tasks, locks } = daemon.history
  const begun = executions.begin({ policy: 'base', snapshot: '{}', trigger: 'event', lock: 'base' })
  if (!('id' in begun)) throw new Error('locked')
  const task = (tag: string) => ({
    action: 'copy' as const,
    resource_type: 'image' as const,
    source: { registry: 'hub', repository: 'team/app', tag },
    destination: { registry: 'mirror', repository: 'team/app', tag },
  })
  tasks.add(begun.id, [task('down'), task('denied')])
  const [down, denied] = tasks.takePending(begun.id, 9, 0)
  if (!down || !denied) throw new Error('no tasks')
  tasks.finish(down.id, 'failed', { error: { code: 'registry', kind: '503 by mirror', message: 'down' } })
  tasks.finish(denied.id, 'failed', { error: { code: 'registry', kind: '403 DENIED by mirror', message: 'denied' } })
  executions.move(begun.id, 'in_progress')
  const execution = executions.finish(begun.id)
  locks.release(begun.id)
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 1, execution } })
  await daemon.clock.advance(MINUTE)
  expect(daemon.wishes.slice(1).flatMap(tagsIn)).toEqual(['down'])
})

test('where the history cannot note what was done, it is done again later, and not at once for ever', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  const { reactions } = daemon.history
  const { done } = reactions
  Object.assign(reactions, {
    done: () => {
      throw new HistoryError('the disk is full')
    },
  })
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await daemon.clock.advance(20_000)
  expect(daemon.wishes).toHaveLength(1)
  expect(daemon.news).toContainEqual(expect.objectContaining({ text: expect.stringContaining('the disk is full') }))
  Object.assign(reactions, { done })
  await daemon.clock.advance(20_000)
  expect(daemon.wishes).toHaveLength(2)
})

test('what `min_age` holds back is looked at again when it is old enough, also by a later process', async () => {
  const { daemon, events } = await started(yaml(policy('base', '    filters: { min_age: 3h }')))
  events.take('hub', [push('young'), push('old')], 'event')
  await daemon.clock.advance(2000)
  const until = daemon.clock.now() + 60 * MINUTE
  const held = [{ repository: 'team/app', tag: 'young', until }]
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon, 'base', { held }) })
  await daemon.clock.advance(59 * MINUTE)
  expect(daemon.wishes).toHaveLength(1)
  daemon.end()
  await events.ended()
  const later = await daemonDouble(
    yaml(policy('base', '    filters: { min_age: 3h }')),
    { history: daemon.history },
    {},
    manualClock(daemon.clock.now()),
  )
  createEvents(later)
  await later.clock.advance(30_000)
  expect(later.wishes).toHaveLength(0)
  await later.clock.advance(2 * MINUTE)
  expect(later.wishes.flatMap(tagsIn)).toEqual(['young'])
})

test('an event that comes during an execution of its artifact is acted on afterwards', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.clock.advance(2000)
  events.take('hub', [push('1', { digest })], 'event')
  await daemon.clock.advance(2000)
  daemon.wishes[0]?.settled?.({ kind: 'ran', outcome: ran(daemon) })
  await daemon.clock.advance(0)
  expect(daemon.wishes[1]?.events).toMatchObject([{ tag: '1', digest }])
})

test('a registry that has another address now has not told the events of before', async () => {
  const { daemon, events } = await started()
  events.take('hub', [push('1')], 'event')
  await daemon.reload(yaml(policy('base')).replace('https://hub.test', 'https://other.test'), events)
  await daemon.clock.advance(2000)
  expect(daemon.wishes).toHaveLength(0)
  expect(daemon.history.events.list(9)).toMatchObject([{ state: 'passed' }])
})

test('a signature reaches a policy whatever tags it selects, unless it leaves referrers behind', async () => {
  const tag = `sha256-${'b'.repeat(64)}.sig`
  const { daemon, events } = await started(
    yaml(
      policy('signed', '    filters: { tag: "v*" }') +
        policy('bare', '    filters: { tag: "v*" }\n    referrers: false'),
    ),
  )
  events.take('hub', [{ action: 'push', repository: 'team/app', digest }, push(tag)], 'event')
  await daemon.clock.advance(2000)
  expect(daemon.wishes).toMatchObject([{ policy: 'signed', events: [{ tag }, { digest }] }])
})

test('10,000 events over an hour leave no memory behind and few timers', async () => {
  const { daemon, events } = await started()
  const answer = (): void => {
    for (const wish of daemon.wishes.slice(answered))
      wish.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 0 } })
    answered = daemon.wishes.length
  }
  let answered = 0
  for (let minute = 0; minute < 60; minute += 1) {
    for (let at = 0; at < 167; at += 1) events.take('hub', [push(`v${at}`, { id: `${minute}-${at}` })], 'event')
    await daemon.clock.advance(MINUTE)
    answer()
    expect(daemon.clock.sleeping).toBeLessThan(3)
  }
  await daemon.clock.advance(MINUTE)
  answer()
  expect(daemon.history.events.waiting()).toBe(0)
  expect(daemon.wishes.length).toBeLessThan(130)
})

test('where events never end, a policy soon waits for several of them', async () => {
  const { daemon, events } = await started()
  let answered = 0
  for (let at = 0; at < 700; at += 1) {
    if (at < 600) events.take('hub', [push(`v${at}`)], 'event')
    await daemon.clock.advance(100)
    for (const wish of daemon.wishes.slice(answered)) {
      wish.settled?.({ kind: 'ran', outcome: { policy: 'base', exitCode: 0 } })
    }
    answered = daemon.wishes.length
  }
  // A minute of ten a second: an execution each two seconds, not ten a second.
  expect(daemon.wishes.length).toBeLessThan(50)
  expect(new Set(daemon.wishes.flatMap(tagsIn)).size).toBe(600)
})
