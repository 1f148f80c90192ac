/** Two breaks close together: the second one meets what the first has left. */

import { describe, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { complaintsIn, type FaultRule, isLayer, LAYER, run } from './setup.ts'

const ARTIFACT = image({ layers: 2, size: LAYER, seed: 'breaks' })
const AT = Math.round(LAYER / 2)

/** The first `times` requests that carry a layer are cut at `at` bytes. */
function cut(way: 'up' | 'down', at: number, times: number): FaultRule {
  let left = times
  return (request) => {
    if (left === 0 || !isLayer(request, ARTIFACT)) return undefined
    left -= 1
    return { cut: way, at }
  }
}

describe.each([
  ['in this thread', false],
  ['in another thread', true],
])('%s, a blob arrives whole, and none of it twice, where', (_, carried) => {
  test.each([
    ['the destination breaks before the source does', AT, AT - 100_000],
    ['both break at one byte', AT, AT],
    ['the source breaks before the destination does', AT, AT + 100_000],
    ['both break at their first byte', 0, 0],
  ])('%s', async (_, source, destination) => {
    const { ran, met } = await run({
      artifact: ARTIFACT,
      carried,
      attempts: 2,
      source: cut('down', source, 2),
      destination: cut('up', destination, 2),
    })
    expect(ran.outcome.exitCode).toBe(0)
    expect(met).toBe(4)
    // A hole, or a part that was sent twice, would be refused by its digest.
    expect(complaintsIn(ran)).toEqual([])
  })

  test('a source gives another byte where it is read a second time, which the destination refuses and no tag ever names', async () => {
    const spoilt = new Set<string>()
    const { ran, destination } = await run({
      artifact: ARTIFACT,
      carried,
      attempts: 2,
      sourceOptions: {
        fault: ({ method, path, route, headers }) => {
          if (method !== 'GET' || route !== 'blob' || headers.range === undefined || spoilt.has(path)) return undefined
          spoilt.add(path)
          return { corrupt: true }
        },
      },
      // Within a chunk, all of which was hashed.
      destination: cut('up', AT - 100_001, 2),
    })
    expect(ran.outcome.exitCode).toBe(0)
    expect(spoilt.size).toBeGreaterThan(0)
    // What was read first is hashed already, so only the destination sees that what it has got is not that.
    expect(destination.requests.filter(({ method, status }) => method === 'PUT' && status === 400)).toHaveLength(
      spoilt.size,
    )
  })

  test('a source that does not know Range breaks, and then the destination', async () => {
    const { ran } = await run({
      artifact: ARTIFACT,
      carried,
      attempts: 2,
      sourceOptions: { ignoreRange: true },
      source: cut('down', AT, 2),
      destination: cut('up', AT, 2),
    })
    expect(ran.outcome.exitCode).toBe(0)
    expect(complaintsIn(ran)).toEqual([])
  })
})
