/** Whatever is copied through whatever breaks: the end is equal, or a clean failure, and one more run makes it equal. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVERYTHING_CARRIED, policyBetween, type Ran, workplace } from '../e2e/harness.ts'
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts'
import { damageIn, missingFrom } from '../faults/intact.ts'
import { fast } from '../faults/setup.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { draws, faultsOf, type Weather, weather } from './faults.ts'
import { type Grown, grow, source, type Tagged } from './graph.ts'

/** More of them by `REPLICATE_PROPERTY_RUNS`, a certain one by `REPLICATE_PROPERTY_SEED`, which a failure prints. */
const RUNS = Number(process.env.REPLICATE_PROPERTY_RUNS ?? 25)
const SEED = process.env.REPLICATE_PROPERTY_SEED
const settings = { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }), endOnFailure: true }
const TIMEOUT = 30_000 + RUNS * 5000

const sides: fc.Arbitrary<MemoryRegistryOptions> = fc.record(
  {
    referrers: fc.boolean(),
    mount: fc.constantFrom(201, 202, 403),
    redirectBlobs: fc.boolean(),
    ignoreRange: fc.boolean(),
    location: fc.constantFrom('relative', 'absolute'),
    singlePost: fc.boolean(),
  },
  { requiredKeys: [] },
)

test(
  'random graphs between registries of all kinds end equal',
  async () => {
    const property = fc.asyncProperty(source(), sides, sides, async (all, from, to) => {
      await copied(all, from, to, undefined)
    })
    await fc.assert(property, settings)
  },
  TIMEOUT,
)

test(
  'random graphs over random faults end equal or fail clean, and the next run makes them equal',
  async () => {
    const property = fc.asyncProperty(
      source(),
      sides,
      sides,
      weather(),
      weather(),
      fc.boolean(),
      async (all, from, to, before, behind, carried) => {
        // An absolute Location would lead past the proxy.
        await copied(
          all,
          { ...from, location: 'relative' },
          { ...to, location: 'relative' },
          { before, behind, carried },
        )
      },
    )
    await fc.assert(property, settings)
  },
  TIMEOUT,
)

async function copied(
  all: readonly Tagged[],
  from: MemoryRegistryOptions,
  to: MemoryRegistryOptions,
  weathers: { readonly before: Weather; readonly behind: Weather; readonly carried: boolean } | undefined,
): Promise<void> {
  const registries = await Promise.all([from, to].map((options) => startMemoryRegistry(options)))
  const [start, end] = registries
  if (!start || !end) throw new Error('no registries')
  const grown = grow(all, start, from.referrers ?? true)
  const proxies: FaultProxy[] = []
  try {
    if (weathers) {
      proxies.push(await startFaultProxy(start.url, faultsOf(weathers.before)))
      proxies.push(await startFaultProxy(end.url, faultsOf(weathers.behind)))
    }
    const [near = start, far = end] = proxies
    const timing = { clock: fast(), random: draws(weathers?.before.seed ?? 0), idle: 2000 }
    const place = workplace({}, timing, weathers?.carried ? EVERYTHING_CARRIED : undefined)
    const yaml = policyBetween(near.url, far.url)
    checkEnd(await place.run(yaml), grown, end)
    for (const proxy of proxies) proxy.heal()
    // `all`: referrers that the first run could not see hang on artifacts that are unchanged now.
    const second = await place.run(yaml, { referrers: 'all' })
    expect(second.outcome).toMatchObject({ exitCode: 0 })
    checkEnd(second, grown, end)
  } finally {
    for (const ending of [...proxies, ...registries]) await ending.close()
  }
}

function checkEnd(ran: Ran, grown: readonly Grown[], destination: MemoryRegistry): void {
  expect(damageIn(destination)).toEqual([])
  expect(ran.outcome.error === undefined || ran.outcome.exitCode > 0).toBe(true)
  expect(ran.tasks.filter((task) => task.error?.code === 'bug')).toEqual([])
  const failed = new Set(ran.tasks.filter((task) => task.status !== 'succeeded').map((task) => task.src_resource))
  for (const { tagged, root, attached, signature } of grown) {
    const { repository, tag } = tagged
    const there = destination.repository(`mirror/${repository}`)
    const done =
      ran.outcome.exitCode === 0 ||
      ran.tasks.some((task) => task.src_resource.includes(`${repository}:${tag}`) && !failed.has(task.src_resource))
    if (there.tags.has(tag)) expect(there.tags.get(tag)).toBe(root.digest)
    if (!done) continue
    expect(there.tags.get(tag)).toBe(root.digest)
    for (const artifact of [root, ...attached]) {
      expect(missingFrom(destination, `mirror/${repository}`, artifact)).toEqual([])
    }
    if (signature !== undefined) expect(there.tags.has(signature)).toBe(true)
  }
}
