/** Registries that answer badly: too busy, broken, forgetful, untruthful, twice. */

import { describe, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { randomBytes } from '../support/random.ts'
import type { WireFault } from './fault-proxy.ts'
import { type FaultRule, isLayer, LAYER, MIB, run } from './setup.ts'

const ARTIFACT = image({ layers: 2, size: LAYER, seed: 'answers' })
const AT = Math.round(LAYER * 0.6)
const THREADS = [
  ['in this thread', false],
  ['in another thread', true],
] as const

describe('statuses that pass', () => {
  test.each([408, 429, 500, 502, 503, 504])('%i to the first request of every kind', async (status) => {
    const rule: FaultRule = ({ seen }) => (seen === 0 ? { status, headers: { 'retry-after': '1' } } : undefined)
    const { ran, met } = await run({ artifact: ARTIFACT, source: rule, destination: rule })
    expect(ran.outcome.exitCode).toBe(0)
    expect(met).toBeGreaterThan(8)
  })

  test('30 % of all requests answered 503: everything arrives', async () => {
    const chance = draws('thirty')
    const rule: FaultRule = () => (chance() < 0.3 ? { status: 503 } : undefined)
    const artifact = image({ layers: 12, size: 10_000, seed: 'many' })
    const { ran, met } = await run({
      artifact,
      source: rule,
      destination: rule,
      attempts: 5,
    })
    expect(ran.outcome.exitCode).toBe(0)
    expect(met).toBeGreaterThan(8)
  })

  test.each([401, 403, 404, 405, 400])(
    '%i to every manifest that is written is final, and leaves no tag',
    async (status) => {
      const rule: FaultRule = ({ method, route }) => (method === 'PUT' && route === 'manifest' ? { status } : undefined)
      const { ran, destination, met } = await run({ artifact: ARTIFACT, destination: rule })
      expect(ran.outcome.exitCode).toBe(1)
      expect(destination.repository('mirror/app').tags.size).toBe(0)
      expect(met).toBeLessThan(4)
    },
  )
})

describe('with one connection to each host, uploads never wait for each other for ever', () => {
  const registry = 'limits: { connections: 1 },'
  const artifact = image({ layers: 4, size: LAYER, seed: 'one connection' })

  test('where each is refused once', async () => {
    const refused = new Set<string>()
    const rule: FaultRule = (request) => {
      if (!isLayer(request, artifact) || refused.size === 4 || refused.has(request.path)) return undefined
      refused.add(request.path)
      return { status: 503 }
    }
    const { ran, met } = await run({ artifact, registry, destination: rule, attempts: 3 })
    expect(ran.outcome.exitCode).toBe(0)
    expect(met).toBe(4)
  })

  test('where they go in chunks', async () => {
    const { ran } = await run({ artifact, registry, destinationOptions: { maxBody: MIB } })
    expect(ran.outcome.exitCode).toBe(0)
  })
})

describe.each(THREADS)('a registry that forgets, %s', (_, carried) => {
  test('tokens that run out in mid-blob on both sides are fetched anew', async () => {
    const revoke = (way: 'up' | 'down', side: 'source' | 'destination'): FaultRule => {
      let done = false
      return (request, sides) => {
        if (done || !isLayer(request, ARTIFACT)) return undefined
        done = true
        return { way, at: AT, meanwhile: () => sides[side].revokeTokens() }
      }
    }
    const auth = { kind: 'bearer', user: 'tester', password: 'hush' } as const
    const { ran, met } = await run({
      carried,
      artifact: ARTIFACT,
      source: revoke('down', 'source'),
      destination: revoke('up', 'destination'),
      sourceOptions: { auth },
      destinationOptions: { auth },
      registry: ['credential: { type: basic, username: tester, password: "$', '{PASSWORD}" },'].join(''),
      environment: { PASSWORD: 'hush' },
    })
    expect(ran.outcome.exitCode).toBe(0)
    expect(met).toBe(2)
  })

  test('an upload session that is forgotten in mid-blob is begun again', async () => {
    let done = false
    const rule: FaultRule = (request, { destination }) => {
      if (done || !isLayer(request, ARTIFACT)) return undefined
      done = true
      destination.uploads.clear()
      return { cut: 'up', at: AT }
    }
    const { ran } = await run({ carried, artifact: ARTIFACT, destination: rule })
    expect(ran.outcome.exitCode).toBe(0)
    expect(done).toBe(true)
  })
})

describe.each(THREADS)('a registry that lies, %s', (_, carried) => {
  const cutFirst: WireFault = { cut: 'down', at: AT }
  test.each<readonly [string, WireFault]>([
    ['sends another range than was asked for', { lie: () => ({ 'content-range': `bytes 7-${LAYER - 1}/${LAYER}` }) }],
    ['sends an earlier part under the right range', { shift: -1000 }],
    [
      'names another total',
      { lie: ({ 'content-range': range = '' }) => ({ 'content-range': range.replace(/\/\d+/, '/99') }) },
    ],
    ['names no range', { lie: () => ({ 'content-range': undefined }) }],
  ])('a source that %s when a blob is read on', async (_, lie) => {
    let cuts = 0
    const rule: FaultRule = (request) => {
      if (!isLayer(request, ARTIFACT)) return undefined
      if (request.headers.range !== undefined) return lie
      cuts += 1
      return cuts === 1 ? cutFirst : undefined
    }
    const outcome = await run({ carried, artifact: ARTIFACT, source: rule })
    expect((await outcome.again()).outcome.exitCode).toBe(0)
  })

  test.each([
    ['more', LAYER + 1000],
    ['less', LAYER - 1000],
    ['none', 0],
  ])('a source that says a blob has %s bytes than it has', async (_, length) => {
    const rule: FaultRule = (request) =>
      isLayer(request, ARTIFACT) ? { lie: () => ({ 'content-length': String(length) }) } : undefined
    const outcome = await run({ carried, artifact: ARTIFACT, source: rule })
    expect((await outcome.again()).outcome.exitCode).toBe(0)
  })

  test.each([
    ['far more', `0-${LAYER * 2}`],
    ['less', '0-10'],
    ['nothing sensible', 'bytes=0--1'],
  ])('a destination that says an upload holds %s than it does', async (_, range) => {
    let cut = false
    const rule: FaultRule = (request) => {
      if (request.route === 'upload' && request.method === 'GET') return { lie: () => ({ range }) }
      if (cut || !isLayer(request, ARTIFACT)) return undefined
      cut = true
      return { cut: 'up', at: AT }
    }
    const outcome = await run({ carried, artifact: ARTIFACT, destination: rule })
    expect((await outcome.again()).outcome.exitCode).toBe(0)
  })

  test('a destination that stored a blob under another digest', async () => {
    const other = `sha256:${'0'.repeat(64)}`
    const rule: FaultRule = (request) =>
      isLayer(request, ARTIFACT) ? { lie: () => ({ 'docker-content-digest': other }) } : undefined
    const { ran } = await run({ carried, artifact: ARTIFACT, destination: rule })
    expect(ran.outcome.exitCode).toBe(1)
    expect(ran.tasks[0]?.error?.message).toContain(other)
  })
})

describe('answers that come twice', () => {
  test.each(['source', 'destination'] as const)('from the %s', async (side) => {
    const rule: FaultRule = ({ seen }) => (seen % 3 === 0 ? { twice: true } : undefined)
    const artifact = image({ layers: 3, size: MIB / 4, seed: 'twice' })
    const outcome = await run({ artifact, [side]: rule, attempts: 5 })
    expect(outcome.met).toBeGreaterThan(2)
    expect((await outcome.again()).outcome.exitCode).toBe(0)
  })
})

/** Numbers from 0 to below 1, the same for the same seed. */
function draws(seed: string): () => number {
  const bytes = randomBytes(4 * 10_000, seed)
  let at = 0
  return () => {
    at = (at + 4) % bytes.byteLength
    return bytes.readUInt32LE(at) / 2 ** 32
  }
}
