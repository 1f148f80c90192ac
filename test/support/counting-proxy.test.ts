/** The counting proxy counts what passed and breaks what it was told to. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts'
import { image } from './images.ts'
import { type MemoryRegistry, startMemoryRegistry } from './memory-registry.ts'
import { randomBytes } from './random.ts'
import { seed } from './seed.ts'

describe('the counting proxy', () => {
  let registry: MemoryRegistry
  let proxy: CountingProxy

  beforeEach(async () => {
    registry = await startMemoryRegistry()
    proxy = await startCountingProxy(registry.url)
  })

  afterEach(async () => {
    await proxy.close()
    await registry.close()
  })

  it('passes a push on and counts its requests and bytes', async () => {
    const pushed = await seed(proxy.url, 'a', '1', image({ layers: 2, size: 5000 }))
    expect(registry.repository('a').tags.get('1')).toBe(pushed.digest)
    expect(Object.fromEntries(proxy.counts)).toEqual({
      'POST upload 202': 3,
      'PUT upload 201': 3,
      'PUT manifest 201': 1,
    })
    const blobs = [...pushed.blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0)
    expect(proxy.bytesUp).toBe(blobs + pushed.bytes.byteLength)
    expect([proxy.requests, proxy.maxInFlight]).toEqual([7, 1])
  })

  it('cuts an answer once, after as many bytes as it was told', async () => {
    const layer = randomBytes(1_000_000, 'layer')
    const { blobs } = await seed(registry, 'a', '1', image({ layers: 0, base: [layer] }))
    const digest = [...blobs.keys()].at(-1)
    const url = `${proxy.url}/v2/a/blobs/${digest}`
    proxy.addFault({ cut: 'down', after: 300_000 })
    await expect(fetch(url).then((response) => response.arrayBuffer())).rejects.toThrow()
    expect(proxy.bytesDown).toBe(300_000)
    expect((await (await fetch(url)).arrayBuffer()).byteLength).toBe(1_000_000)
  })

  it('answers in the registry’s place as often as it was told', async () => {
    proxy.addFault({ status: 429, headers: { 'retry-after': '1' }, times: 2, match: (method) => method === 'GET' })
    const statuses = []
    for (let at = 0; at < 3; at += 1) statuses.push((await fetch(`${proxy.url}/v2/`)).status)
    expect(statuses).toEqual([429, 429, 200])
  })
})
