/** Networks that break: connections cut, frozen, slow, and bytes that change on the way. */

import { describe, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import type { Passing, WireFault } from './fault-proxy.ts'
import { complaintsIn, type FaultRule, isLayer, LAYER, MIB, run } from './setup.ts'

const ARTIFACT = image({ layers: 2, size: LAYER, seed: 'network' })
const AT = Math.round(LAYER * 0.6)

/** The first request that carries a layer meets the fault; or all of them. */
function onLayers(fault: WireFault, times = 1): FaultRule {
  let left = times
  return (request: Passing) => {
    if (left === 0 || !isLayer(request, ARTIFACT)) return undefined
    left -= 1
    return fault
  }
}

const PASSING: readonly (readonly [string, 'source' | 'destination', WireFault])[] = [
  ['the source is cut in mid-blob', 'source', { cut: 'down', at: AT }],
  ['the source is cut before its first byte', 'source', { cut: 'down', at: 0 }],
  ['the source freezes in mid-blob', 'source', { freeze: 'down', at: AT }],
  ['the source is slow', 'source', { slow: 'down', pause: 5 }],
  ['the destination is cut in mid-blob', 'destination', { cut: 'up', at: AT }],
  ['the destination is slow', 'destination', { slow: 'up', pause: 5 }],
  ['the answer to an upload is lost', 'destination', { lose: true }],
]

describe.each([
  ['in this thread', false],
  ['in another thread', true],
])('%s', (_, carried) => {
  describe('is copied whole where', () => {
    test.each(PASSING)('%s', async (_, side, fault) => {
      const { ran, met } = await run({ artifact: ARTIFACT, carried, [side]: onLayers(fault) })
      expect(ran.logs.filter((line) => line.includes('attempt'))).toEqual([])
      expect(ran.outcome.exitCode).toBe(0)
      expect(met).toBe(1)
    })
  })

  test.each([1, 3])('a blob arrives whole from a source that knows no ranges and is cut, %i times', async (times) => {
    const cuts = new Map<string, number>()
    const rule: FaultRule = (request) => {
      if (!isLayer(request, artifact)) return undefined
      const count = cuts.get(request.path) ?? 0
      cuts.set(request.path, count + 1)
      return count < times && request.headers.range === undefined
        ? { cut: 'down', at: AT + count * MIB }
        : { whole: true }
    }
    const artifact = image({ layers: 2, size: 8 * MIB, seed: 'no ranges' })
    const { ran } = await run({ artifact, carried, source: rule })
    expect(complaintsIn(ran)).toEqual([])
    expect(ran.outcome.exitCode).toBe(0)
  })

  test('a blob arrives whole where both sides are cut close together, again and again', async () => {
    const artifact = image({ layers: 3, size: 8 * MIB, seed: 'both' })
    const cut = (way: 'up' | 'down'): FaultRule => {
      const met = new Map<string, number>()
      return (request) => {
        if (!isLayer(request, artifact)) return undefined
        const key = request.path.replace(/\?.*/, '')
        const count = met.get(key) ?? 0
        met.set(key, count + 1)
        return count < 3 ? { cut: way, at: (count + 1) * MIB + 1000 } : undefined
      }
    }
    const { ran } = await run({ artifact, carried, attempts: 3, source: cut('down'), destination: cut('up') })
    expect(complaintsIn(ran)).toEqual([])
    expect(ran.outcome.exitCode).toBe(0)
  })

  test.each([
    ['the source', 'source', { flip: 'down', at: AT }],
    ['the way to the destination', 'destination', { flip: 'up', at: AT }],
  ] as const)(
    'a byte that changes on %s once does no harm, and nothing damaged is referred to',
    async (_, side, fault) => {
      const outcome = await run({ artifact: ARTIFACT, carried, [side]: onLayers(fault) })
      expect(outcome.met).toBe(1)
      if (outcome.ran.outcome.exitCode !== 0) {
        expect(outcome.ran.tasks[0]?.error).toMatchObject({ message: expect.stringMatching(/digest|damaged/i) })
      }
      expect((await outcome.again()).outcome.exitCode).toBe(0)
    },
  )

  test.each([
    ['the source', 'source', { flip: 'down', at: AT }],
    ['the way to the destination', 'destination', { flip: 'up', at: AT }],
    ['every connection of the source, which is cut', 'source', { cut: 'down', at: 0 }],
    ['every connection of the destination, which is cut', 'destination', { cut: 'up', at: 0 }],
  ] as const)('a blob that always breaks on %s fails its task and leaves no tag', async (_, side, fault) => {
    const outcome = await run({ artifact: ARTIFACT, carried, [side]: onLayers(fault, 1000) })
    expect(outcome.ran.outcome.exitCode).toBe(1)
    expect(outcome.destination.repository('mirror/app').tags.size).toBe(0)
    expect(outcome.ran.tasks[0]?.error?.message).toContain(side)
    expect((await outcome.again()).outcome.exitCode).toBe(0)
  })

  test('an upload whose destination freezes is given up and made again', async () => {
    // More than the system's buffers take, else nobody can tell it from a registry that is thinking.
    const artifact = image({ layers: 1, size: 16 * MIB, seed: 'frozen' })
    let met = false
    const rule: FaultRule = (request) => {
      if (met || !isLayer(request, artifact)) return undefined
      met = true
      return { freeze: 'up', at: MIB }
    }
    const { ran } = await run({ artifact, carried, destination: rule })
    expect(ran.outcome).toMatchObject({ exitCode: 0 })
    // Made again once. A refusal of what was sent too early would be another line.
    expect(ran.logs.filter((line) => line.includes('upload of'))).toEqual([
      expect.stringContaining('stopped reading what it is sent'),
    ])
  })

  test('a source that stays frozen is given up, and says that it was silent', async () => {
    const outcome = await run({ artifact: ARTIFACT, carried, source: onLayers({ freeze: 'down', at: 0 }, 1000) })
    expect(outcome.ran.outcome.exitCode).toBe(1)
    expect(outcome.ran.tasks[0]?.error?.message).toMatch(/^source from: /)
    // Five times for each layer, if the first that is given up does not end the task before.
    expect(outcome.met).toBeLessThanOrEqual(2 * 5)
  })
})

test('a manifest that changes on its way is written again before anyone sees it', async () => {
  const artifact = image({ annotations: { note: 'the registry cannot tell what was meant' } })
  const at = artifact.bytes.byteLength - 20
  const rule: FaultRule = ({ method, route, seen }) =>
    method === 'PUT' && route === 'manifest' && seen === 0 ? { flip: 'up', at } : undefined
  const { ran, met } = await run({ artifact, destination: rule })
  expect(met).toBe(1)
  expect(ran.outcome).toMatchObject({ exitCode: 0 })
})

describe.each([
  ['before its answer', 0],
  ['in the middle of its answer', 10],
] as const)('a connection that breaks %s is made again', (_, at) => {
  test.each(['manifest', 'blob', 'upload', 'ping', 'tags', 'catalog'] as const)(
    'to the first %s request',
    async (route) => {
      const rule: FaultRule = (request) =>
        request.route === route && request.seen === 0 ? { cut: 'down', at } : undefined
      const { ran } = await run({ artifact: ARTIFACT, source: rule, destination: rule })
      expect(ran.outcome).toMatchObject({ exitCode: 0 })
    },
  )
})
