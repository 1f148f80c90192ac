import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Descriptor } from '../../../src/core/descriptor.ts'
import { createSharing, type Sharing } from '../../../src/queue/shared/sharing.ts'
import type { Found } from '../../../src/transfer/job.ts'
import { hasRedis, type RealRedis, startRedis } from '../../support/redis.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }

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

  test('one brings a blob, the other waits and is told where it is', async () => {
    const [one, two] = [worker().blobs('run 1'), worker().blobs('run 1')]
    const order: string[] = []
    const found: Found[] = []
    let begun = (): void => {}
    const isUnderWay = new Promise<void>((resolve) => {
      begun = resolve
    })
    let waiting = (): void => {}
    const isWaitedFor = new Promise<void>((resolve) => {
      waiting = resolve
    })
    const first = one.alone(
      blob('a'),
      { registry: 'dst', repository: 'team/one' },
      ctx,
      () => {},
      async () => {
        begun()
        await isWaitedFor
        order.push('one')
      },
    )
    await isUnderWay
    await two.alone(blob('a'), { registry: 'dst', repository: 'team/two' }, ctx, waiting, async (_held, told) => {
      found.push(told)
      order.push('two')
    })
    await first
    expect(order).toEqual(['one', 'two'])
    expect(found).toEqual([{ waited: true, home: 'team/one' }])
  })

  test('a failure leaves no home, and the next one brings it', async () => {
    const others = worker().blobs('run 2')
    const there = { registry: 'dst', repository: 'x' }
    const fails = others.alone(
      blob('b'),
      there,
      ctx,
      () => {},
      () => Promise.reject(new Error('broken')),
    )
    await expect(fails).rejects.toThrow('broken')
    const found: Found[] = []
    await others.alone(
      blob('b'),
      there,
      ctx,
      () => {},
      async (_held, told) => void found.push(told),
    )
    expect(found).toEqual([{ waited: false }])
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
