import { describe, expect, test } from 'vitest'
import type { WantedBlob } from '../../../src/core/others.ts'
import { hasRedis } from '../../support/redis.ts'
import { realSharing } from './setup.ts'

const ctx = { signal: new AbortController().signal, emit: () => {} }

/** Work that must not be done. */
async function refuse(): Promise<void> {
  throw new Error('it was brought')
}

function digestOf(letter: string): `sha256:${string}` {
  return `sha256:${letter.repeat(64)}`
}

/** Repository `to` of a registry needs a blob. `alone`: it cannot mount it. */
function wanted(letter: string, to: string, alone = false): WantedBlob {
  const blob = { mediaType: 'application/octet-stream', digest: digestOf(letter), size: 1_000_000 }
  return { blob, registry: 'dst', repository: to, alone }
}

describe.skipIf(!hasRedis())('what workers share, over a real Redis', () => {
  const real = realSharing()
  const worker = real.sharing

  test('one brings a blob, the other is told where it is once it is there', async () => {
    const [one, two] = [worker().blobs('run 1'), worker().blobs('run 1')]
    const { promise: left, resolve: leave } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const first = one.bring(wanted('a', 'team/one'), undefined, ctx, async () => {
      begin()
      await left
    })
    await begun
    const there = wanted('a', 'team/two')
    expect(await two.bring(there, undefined, ctx, refuse)).toBe(false)
    expect(await two.homeOf(there)).toBeUndefined()
    const ended = two.ended(there, ctx)
    leave()
    expect(await first).toBe(true)
    await ended
    expect(await two.homeOf(there)).toBe('team/one')
    // The home that it does not know yet comes first.
    expect(await two.bring(there, undefined, ctx, refuse)).toBe(false)
    expect(await two.bring(there, 'team/one', ctx, async () => {})).toBe(true)
  })

  test('one that cannot mount a blob waits for those alone that bring it to the same repository', async () => {
    const [one, two] = [worker().blobs('run 3'), worker().blobs('run 3')]
    const { promise: left, resolve: leave } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const first = one.bring(wanted('c', 'team/one', true), undefined, ctx, async () => {
      begin()
      await left
    })
    await begun
    expect(await two.bring(wanted('c', 'team/one', true), undefined, ctx, refuse)).toBe(false)
    expect(await two.bring(wanted('c', 'team/two', true), undefined, ctx, async () => {})).toBe(true)
    leave()
    expect(await first).toBe(true)
    // Whoever looked before it was there looks again.
    expect(await two.bring(wanted('c', 'team/one', true), undefined, ctx, refuse)).toBe(false)
    // The last home is known, as an earlier one may be gone.
    expect(await two.homeOf(wanted('c', 'team/three'))).toBe('team/one')
    expect(await two.homeOf(wanted('c', 'team/three', true))).toBeUndefined()
  })

  test('a failure leaves no home, and the next one brings it', async () => {
    const others = worker().blobs('run 2')
    const there = wanted('b', 'x')
    const fails = others.bring(there, undefined, ctx, () => Promise.reject(new Error('broken')))
    await expect(fails).rejects.toThrow('broken')
    expect(await others.homeOf(there)).toBeUndefined()
    expect(await others.bring(there, undefined, ctx, async () => {})).toBe(true)
  })

  test('an upload that one leaves is found by the next, names nothing in its key, and expires within a day', async () => {
    const [one, two] = [worker(), worker()]
    const upload = ['https://dst.example.com', 'team/secret-project', digestOf('d')] as const
    one.checkpoint(...upload).save('https://dst.example.com/v2/upload?state=hidden', 4096)
    await expect.poll(() => two.checkpoint(...upload).load()).toContain('state=hidden')
    const keys = await real.client.keys('test:upload:*')
    expect(keys).toHaveLength(1)
    expect(keys.join()).not.toContain('secret-project')
    expect(await real.client.ttl(keys[0] ?? '')).toBeGreaterThan(0)
    expect(await real.client.ttl(keys[0] ?? '')).toBeLessThanOrEqual(86_400)
    two.checkpoint(...upload).clear()
    await expect.poll(() => one.checkpoint(...upload).load()).toBe(undefined)
  })
})
