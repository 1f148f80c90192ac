import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Descriptor } from '../../../src/core/descriptor.ts'
import { createSharing, type Sharing } from '../../../src/queue/shared/sharing.ts'
import { hasRedis, type RealRedis, startRedis } from '../../support/redis.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }

/** Work that must not be done. */
async function refuse(): Promise<void> {
  throw new Error('it was brought')
}

function blob(letter: string, size = 1_000_000): Descriptor {
  return { mediaType: 'application/octet-stream', digest: `sha256:${letter.repeat(64)}`, size }
}

describe.skipIf(!hasRedis())('what workers share, over a real Redis', () => {
  let server: RealRedis
  let client: Redis
  const made: Sharing[] = []

  beforeAll(async () => {
    server = await startRedis()
    client = new Redis(server.url)
  })
  afterAll(async () => {
    for (const sharing of made) sharing.close()
    client.disconnect()
    await server.stop()
  })

  function worker(): Sharing {
    const sharing = createSharing(client, 'test')
    made.push(sharing)
    return sharing
  }

  test('one brings a blob, the other is told where it is once it is there', async () => {
    const [one, two] = [worker().blobs('run 1'), worker().blobs('run 1')]
    const { promise: left, resolve: leave } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const first = one.bring(blob('a'), { registry: 'dst', repository: 'team/one' }, undefined, ctx, async () => {
      begin()
      await left
    })
    await begun
    const there = { registry: 'dst', repository: 'team/two' }
    expect(await two.bring(blob('a'), there, undefined, ctx, refuse)).toBe(false)
    expect(await two.homeOf(blob('a'), 'dst')).toBeUndefined()
    const ended = two.ended(blob('a'), 'dst', ctx)
    leave()
    expect(await first).toBe(true)
    await ended
    expect(await two.homeOf(blob('a'), 'dst')).toBe('team/one')
    // The home that it does not know yet comes first.
    expect(await two.bring(blob('a'), there, undefined, ctx, refuse)).toBe(false)
    expect(await two.bring(blob('a'), there, 'team/one', ctx, async () => {})).toBe(true)
  })

  test('a failure leaves no home, and the next one brings it', async () => {
    const others = worker().blobs('run 2')
    const there = { registry: 'dst', repository: 'x' }
    const fails = others.bring(blob('b'), there, undefined, ctx, () => Promise.reject(new Error('broken')))
    await expect(fails).rejects.toThrow('broken')
    expect(await others.homeOf(blob('b'), 'dst')).toBeUndefined()
    expect(await others.bring(blob('b'), there, undefined, ctx, async () => {})).toBe(true)
  })

  test('an upload that one leaves is found by the next, names nothing in its key, and expires within a day', async () => {
    const [one, two] = [worker(), worker()]
    const upload = ['https://dst.example.com', 'team/secret-project', blob('d').digest] as const
    one.checkpoint(...upload).save('https://dst.example.com/v2/upload?state=hidden', 4096)
    await expect.poll(() => two.checkpoint(...upload).load()).toContain('state=hidden')
    const keys = await client.keys('test:upload:*')
    expect(keys).toHaveLength(1)
    expect(keys.join()).not.toContain('secret-project')
    expect(await client.ttl(keys[0] ?? '')).toBeGreaterThan(0)
    expect(await client.ttl(keys[0] ?? '')).toBeLessThanOrEqual(86_400)
    two.checkpoint(...upload).clear()
    await expect.poll(() => one.checkpoint(...upload).load()).toBe(undefined)
  })
})
