/** A process that is killed at any byte of any request leaves nothing wrong behind, and the next one finishes its work. */

import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { policyBetween } from '../e2e/harness.ts'
import { program } from '../e2e/program.ts'
import { startFaultProxy } from '../faults/fault-proxy.ts'
import { damageIn, missingFrom } from '../faults/intact.ts'
import { image, index } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'

const RUNS = Number(process.env.REPLICATE_PROPERTY_RUNS ?? 6)
const SEED = process.env.REPLICATE_PROPERTY_SEED
const SIZE = 3 * 2 ** 20
const ARTIFACT = index([
  image({ layers: 2, size: SIZE, seed: 'killed' }),
  image({ layers: 1, size: SIZE, seed: 'killed too', platform: { os: 'linux', architecture: 'arm64' } }),
])

let source: MemoryRegistry
beforeAll(async () => {
  source = await startMemoryRegistry()
  source.add('app', ARTIFACT, 'v1')
})
afterAll(() => source.close())

test(
  'killed with -9 at a random byte, run again, it ends equal',
  async () => {
    const property = fc.asyncProperty(
      fc.constantFrom('source' as const, 'destination' as const),
      fc.nat({ max: 30 }),
      fc.nat({ max: SIZE - 1 }),
      killedAt,
    )
    await fc.assert(property, {
      numRuns: RUNS,
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
      endOnFailure: true,
    })
  },
  30_000 + RUNS * 10_000,
)

/** Kills at byte `at` of the request that comes `nth` to this side, or at once where that has no such byte. */
async function killedAt(side: 'source' | 'destination', nth: number, at: number): Promise<void> {
  const destination = await startMemoryRegistry()
  let seen = 0
  let kill = (): void => {}
  const proxy = await startFaultProxy({ source, destination }[side].url, ({ method, route, headers }) => {
    seen += 1
    if (seen !== nth + 1) return undefined
    const up = Number(headers['content-length'] ?? 0)
    const down = method === 'GET' && route === 'blob'
    if (up > at) return { meanwhile: () => kill(), way: 'up', at }
    if (!down) kill()
    return { meanwhile: () => kill(), way: 'down', at: down ? Math.min(at, 100) : 0 }
  })
  try {
    const urls = { source: source.url, destination: destination.url, [side]: proxy.url }
    const place = program()
    const file = place.write('policy.yaml', policyBetween(urls.source, urls.destination))
    const running = place.start(['run', file, '--quiet'])
    kill = () => running.process.kill('SIGKILL')
    const { code, signal, stderr } = await running.ended
    expect([code, signal], stderr).toEqual(seen > nth ? [undefined, 'SIGKILL'] : [0, undefined])
    expect(damageIn(destination)).toEqual([])
    proxy.heal()
    const again = await place.run(['run', file, '--quiet'])
    expect(again.code, again.stderr).toBe(0)
    expect(destination.repository('mirror/app').tags.get('v1')).toBe(ARTIFACT.digest)
    expect(missingFrom(destination, 'mirror/app', ARTIFACT)).toEqual([])
    expect(damageIn(destination)).toEqual([])
    const states = (await place.executions()).map(({ status }) => status)
    expect(states).toEqual(seen > nth ? ['succeeded', 'interrupted'] : ['succeeded', 'succeeded'])
  } finally {
    await Promise.all([proxy.close(), destination.close()])
  }
}
