import { expect, test } from 'vitest'
import type { TagInfo } from '../../../src/core/adapter.ts'
import { open } from '../../history/setup.ts'
import { image } from '../../support/images.ts'
import type { MemoryRegistry } from '../../support/memory-registry.ts'
import { endpoint, memoryRegistry, type PolicyFields, planOf, policyOf } from '../setup.ts'

const DAY = 86_400_000
const NOW = Date.parse('2026-06-30T12:00:00Z')

/** Tags with the days since they were pushed, and how the listing tells it. */
async function pushed(days: Readonly<Record<string, number | undefined>>) {
  const source = await memoryRegistry()
  const infos = Object.entries(days).map(([tag, age]): TagInfo => {
    const built = image({ seed: tag, annotations: { 'org.opencontainers.image.created': '2020-01-01T00:00:00Z' } })
    source.add('app', built, tag)
    const time = age === undefined ? {} : { pushed: new Date(NOW - age * DAY) }
    return { tag, digest: built.digest, mediaType: built.mediaType, created: new Date(0), ...time }
  })
  return endpoint('from', source, {}, () => infos)
}

async function plan(source: ReturnType<typeof endpoint>, filters: PolicyFields['filters'], now = NOW) {
  const planned = await planOf(policyOf({ filters: filters ?? {} }), source, endpoint('to', await memoryRegistry()), {
    now,
  })
  return { ...planned, tags: planned.tasks.map((task) => task.destination.tag) }
}

test('min_age holds back what was pushed less than this ago, and says until when', async () => {
  const source = await pushed({ old: 4, exact: 3, young: 2.5, younger: 1 })
  const { tags, explanations, logs } = await plan(source, { min_age: 3 * DAY })
  expect(tags).toEqual(['old', 'exact'])
  expect(explanations).toContainEqual({
    resource: 'from/app:young',
    kept: false,
    rule: 'min_age: 3d (pushed 2026-06-28T00:00:00.000Z)',
  })
  expect(logs).toEqual(['2 artifacts are held back by min_age: 3d, the first until 2026-07-01T00:00:00.000Z'])
})

test('pushed_within takes what was pushed less than this ago', async () => {
  const source = await pushed({ fresh: 10, stale: 100 })
  const { tags, explanations, logs } = await plan(source, { pushed_within: 90 * DAY })
  expect(tags).toEqual(['fresh'])
  expect(explanations).toContainEqual({
    resource: 'from/app:stale',
    kept: false,
    rule: 'pushed_within: 90d (pushed 2026-03-22)',
  })
  expect(logs).toEqual([])
})

test('pushed_within lets through what has no time, with one warning', async () => {
  const source = await pushed({ a: undefined, b: undefined, stale: 100 })
  const { tags, logs } = await plan(source, { pushed_within: 90 * DAY })
  expect(tags).toEqual(['a', 'b'])
  expect(logs).toEqual(['from does not say when tags were pushed: pushed_within lets those through'])
})

test('newest is counted among those that are old enough', async () => {
  const source = await pushed({ '1.0': 30, '1.1': 20, '1.2': 1 })
  expect((await plan(source, { min_age: 3 * DAY, newest: 1 })).tags).toEqual(['1.1'])
})

test('a selection that is held back as a whole is no empty selection', async () => {
  const source = await pushed({ young: 1 })
  expect((await plan(source, { min_age: 3 * DAY })).tags).toEqual([])
})

test('a digest that is named is held back too', async () => {
  const { digest } = image({ seed: 'young' })
  const { tags } = await plan(await pushed({ young: 1 }), { min_age: 3 * DAY, name: ['app'], digest })
  expect(tags).toEqual([])
})

/** A registry that tells no times. */
async function untold(...tags: readonly string[]): Promise<MemoryRegistry> {
  const source = await memoryRegistry()
  for (const tag of tags) source.add('app', image({ seed: tag }), tag)
  return source
}

test('where no time is known, content is as old as the history knows it', async () => {
  const source = await untold('v1')
  let now = NOW
  const records = await open(undefined, { clock: { now: () => now } })
  const destination = await memoryRegistry()
  const run = () =>
    planOf(policyOf({ filters: { min_age: 3 * DAY } }), endpoint('from', source), endpoint('to', destination), {
      records,
      now,
    })
  const first = await run()
  expect(first.tasks).toEqual([])
  expect(first.explanations.at(-1)?.rule).toBe('min_age: 3d (first seen 2026-06-30T12:00:00.000Z)')
  now += 2 * DAY
  source.add('app', image({ seed: 'v2' }), 'v2')
  expect((await run()).tasks).toEqual([])
  now += DAY
  expect((await run()).tasks).toMatchObject([{ source: { tag: 'v1' } }])
  now += 2 * DAY
  expect((await run()).tasks).toMatchObject([{ source: { tag: 'v1' } }, { source: { tag: 'v2' } }])
})

test('a tag that moves to new content waits again', async () => {
  const source = await untold('latest')
  let now = NOW
  const records = await open(undefined, { clock: { now: () => now } })
  const destination = await memoryRegistry()
  const run = () =>
    planOf(policyOf({ filters: { min_age: 3 * DAY } }), endpoint('from', source), endpoint('to', destination), {
      records,
      now,
    })
  await run()
  now += 4 * DAY
  source.add('app', image({ seed: 'moved' }), 'latest')
  expect((await run()).tasks).toEqual([])
})

test('without a history all that has no time is new', async () => {
  const source = await untold('v1')
  expect((await plan(endpoint('from', source), { min_age: DAY })).tags).toEqual([])
})

test('a tag whose content cannot be found out is blocked, not copied', async () => {
  const source = await memoryRegistry({
    fault: ({ method, path }) => (method === 'HEAD' && path.endsWith('/bad') ? { status: 403 } : undefined),
  })
  for (const tag of ['bad', 'good']) source.add('app', image({ seed: tag }), tag)
  const records = await open(undefined, { clock: { now: () => NOW - 10 * DAY } })
  const { tasks } = await planOf(
    policyOf({ filters: { min_age: DAY } }),
    endpoint('from', source),
    endpoint('to', await memoryRegistry()),
    { records, now: NOW },
  )
  expect(tasks).toMatchObject([
    { action: 'blocked', source: { tag: 'bad' } },
    { action: 'copy', source: { tag: 'good' } },
  ])
})
