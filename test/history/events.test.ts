import { expect, test } from 'vitest'
import type { RegistryEvent } from '../../src/core/adapter.ts'
import type { EventOrigin, History } from '../../src/history/history.ts'
import { open, temporaryDirectory } from './setup.ts'

const digest = `sha256:${'a'.repeat(64)}` as const

function origin(received: number, more: Partial<EventOrigin> = {}): EventOrigin {
  return { registry: 'hub', address: 'https://hub.test', via: 'event', received, ...more }
}

function push(tag: string, more: Partial<RegistryEvent> = {}): RegistryEvent {
  return { action: 'push', repository: 'team/app', tag, ...more }
}

const TIMES = { settle: 2000, bare: 4000, longest: 20_000 }

function settled(history: History, now: number) {
  return history.events.settled(now, TIMES)
}

test('an event is new once for each delivery, and so is one without a delivery that says the same of the same time', async () => {
  const history = await open()
  const one = push('1', { id: 'delivery-1' })
  expect(history.events.add([one, push('2', { id: 'delivery-1' })], origin(0))).toBe(2)
  expect(history.events.add([one], origin(5000))).toBe(0)
  const timed = push('3', { time: new Date(77), digest })
  expect(history.events.add([timed], origin(0))).toBe(1)
  expect(history.events.add([timed], origin(9))).toBe(0)
  // Gone in between, and pushed again within the same second.
  expect(history.events.add([{ ...timed, action: 'delete' }, timed], origin(10))).toBe(2)
  expect(history.events.add([push('4')], origin(0))).toBe(1)
  expect(history.events.add([push('4')], origin(1))).toBe(1)
})

test('a delivery is also known again by a later process, and after it was acted on', async () => {
  const directory = temporaryDirectory()
  const first = await open(directory)
  first.events.add([push('1', { id: 'delivery-1' })], origin(0))
  const second = await open(directory)
  expect(second.events.add([push('1', { id: 'delivery-1' })], origin(10))).toBe(0)
  second.events.close(settled(second, 10_000), 'taken')
  expect(second.events.add([push('1', { id: 'delivery-1' })], origin(20_000))).toBe(0)
  expect(settled(second, 30_000)).toEqual([])
})

test('events of one artifact settle as the last of them, once nothing comes any more', async () => {
  const history = await open()
  history.events.add([push('1')], origin(0))
  history.events.add([push('1', { action: 'delete' })], origin(1000))
  history.events.add([push('2')], origin(1500))
  expect(settled(history, 2500)).toEqual([])
  expect(history.events.nextSettled(TIMES)).toBe(3000)
  const [event, ...others] = settled(history, 3000)
  expect(event).toMatchObject({ action: 'delete', repository: 'team/app', tag: '1', registry: 'hub', via: 'event' })
  expect(others).toEqual([])
  if (event) history.events.close([event], 'passed')
  expect(settled(history, 9000).map(({ tag }) => tag)).toEqual(['2'])
})

test('what is told late has waited already, but no longer than it takes to settle', async () => {
  const history = await open()
  const at = (time: number) => ({ time: new Date(time) })
  // Told 1.5 s late, and by a clock that is an hour behind or ahead.
  history.events.add([push('late', at(8500))], origin(10_000))
  history.events.add([push('behind', at(-3_590_000))], origin(10_100))
  history.events.add([push('ahead', at(3_610_000))], origin(10_100))
  expect(history.events.nextSettled(TIMES)).toBe(10_100)
  expect(settled(history, 10_100).map(({ tag }) => tag)).toEqual(['behind'])
  expect(settled(history, 10_500).map(({ tag }) => tag)).toEqual(['late', 'behind'])
  expect(settled(history, 12_099).map(({ tag }) => tag)).toEqual(['late', 'behind'])
  expect(settled(history, 12_100).map(({ tag }) => tag)).toEqual(['late', 'behind', 'ahead'])
})

test('a steady stream of events of one artifact does not put it off for ever', async () => {
  const history = await open()
  for (let time = 0; time < 20_000; time += 1000) history.events.add([push('1')], origin(time))
  expect(settled(history, 19_900)).toEqual([])
  expect(history.events.nextSettled(TIMES)).toBe(20_000)
  expect(settled(history, 20_000)).toHaveLength(1)
})

test('what polling has found, and what came before the clock was put back, is settled at once', async () => {
  const history = await open()
  history.events.add([push('1')], origin(1000, { via: 'poll', policy: 'base' }))
  history.events.add([push('2')], origin(999_000))
  expect(settled(history, 1000)).toMatchObject([{ tag: '1', policy: 'base' }, { tag: '2' }])
})

test('an event that comes while the earlier ones are acted on waits by itself', async () => {
  const history = await open()
  history.events.add([push('1')], origin(0))
  const taken = settled(history, 5000)
  history.events.add([push('1')], origin(5000))
  history.events.close(taken, 'taken')
  expect(settled(history, 7000)).toMatchObject([{ tag: '1' }])
  expect(history.events.list(9).map(({ state }) => state)).toEqual(['received', 'taken'])
})

test('old events are forgotten, those that wait are not', async () => {
  const history = await open()
  history.events.add([push('1')], origin(0))
  history.events.close(settled(history, 5000), 'passed')
  history.events.add([push('2')], origin(1))
  history.events.forget(100)
  expect(history.events.list(9).map(({ tag }) => tag)).toEqual(['2'])
})

test('more events than 100,000 that wait are refused, and none of the delivery is kept', async () => {
  const history = await open()
  for (let at = 0; at < 100; at += 1) {
    history.events.add(
      Array.from({ length: 1000 }, (_, index) => push(`${at}-${index}`)),
      origin(at),
    )
  }
  expect(() => history.events.add([push('a'), push('b')], origin(0))).toThrow('100000 events wait')
  expect(history.events.waiting()).toBe(100_000)
})

test('what a policy has to do is replaced by a newer event of the artifact, and not ended by what was done before it', async () => {
  const history = await open()
  const event = { action: 'push', repository: 'team/app', tag: '1' } as const
  history.reactions.add([{ policy: 'base', event, via: 'event', due: 100 }])
  history.reactions.add([{ policy: 'other', event, via: 'poll', due: 50 }])
  expect(history.reactions.policies()).toEqual([
    { policy: 'other', due: 50 },
    { policy: 'base', due: 100 },
  ])
  expect(history.reactions.due('base', 99, 10)).toEqual([])
  const before = history.reactions.due('base', 100, 10)
  history.reactions.add([{ policy: 'base', event: { ...event, action: 'delete' }, via: 'poll', due: 200 }])
  history.reactions.done(before)
  const [after] = history.reactions.due('base', 200, 10)
  expect(after).toMatchObject({ event: { action: 'delete' }, via: 'event', tries: 0 })
  if (after) history.reactions.done([after])
  expect(history.reactions.policies()).toEqual([{ policy: 'other', due: 50 }])
})

test('what was tried in vain is put off, and due at once when its registry is back', async () => {
  const history = await open()
  history.reactions.add([
    { policy: 'base', event: { action: 'push', repository: 'team/app', digest }, via: 'event', due: 0 },
  ])
  history.reactions.putOff(history.reactions.due('base', 0, 10), 60_000, 1)
  expect(history.reactions.due('base', 100, 10)).toEqual([])
  history.reactions.hasten('base', 100)
  expect(history.reactions.due('base', 100, 10)).toMatchObject([{ tries: 1, event: { digest } }])
  expect(history.reactions.drop('base')).toBe(1)
})

test('what was pushed without a tag waits longer, or until a tag is pushed into its repository', async () => {
  const history = await open()
  const bare = (name: string, repository = 'team/app'): RegistryEvent => ({
    action: 'push',
    repository,
    digest: `sha256:${name.repeat(64)}`,
  })
  history.events.add([bare('a'), bare('b', 'team/app2'), bare('c', 'team')], origin(0))
  history.events.add([push('1')], origin(100))
  history.events.add([bare('d')], origin(200))
  expect(settled(history, 2099)).toEqual([])
  expect(history.events.nextSettled(TIMES)).toBe(2100)
  const together = settled(history, 2100)
  expect(together.map(({ artifact }) => artifact.slice(0, 16))).toEqual(['team/app:1', 'team/app@sha256:'])
  history.events.close(together, 'taken')
  expect(history.events.nextSettled(TIMES)).toBe(4000)
  expect(settled(history, 4200).map(({ digest: told }) => told?.slice(7, 8))).toEqual(['b', 'c', 'd'])
})
