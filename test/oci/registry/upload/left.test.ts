/** Uploads that another process has left, and what is remembered so that they can go on. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Bytes, Checkpoint } from '../../../../src/core/content.ts'
import type { Descriptor } from '../../../../src/core/descriptor.ts'
import { NetworkError } from '../../../../src/core/errors.ts'
import { connect, end, memoryRegistry } from '../connect.ts'
import { blobOf, MIB, methodsOf, once, opener, stored } from './uploading.ts'

afterEach(end)

/** Keeps a location as the history would, and counts. */
function remembering(
  location?: string,
): Checkpoint & { readonly saved: number[]; readonly location: string | undefined } {
  const saved: number[] = []
  let kept = location
  return {
    saved,
    get location() {
      return kept
    },
    load: () => kept,
    save(state, offset) {
      kept = state
      saved.push(offset)
    },
    clear() {
      kept = undefined
    },
  }
}

/** Sends about half of the blob and stops, as a process that is killed would. */
async function leftHalfWay(url: string, blob: Descriptor, bytes: Buffer, checkpoint: Checkpoint): Promise<void> {
  const { adapter, ctx, stop } = connect(url)
  async function* stream(): Bytes {
    yield bytes.subarray(0, bytes.byteLength / 2)
    await new Promise((resolve) => setImmediate(resolve))
    setTimeout(() => stop.abort(), 50)
    await new Promise(() => {})
  }
  await expect(adapter.repository('app').writeBlob(blob, async () => stream(), ctx, checkpoint)).rejects.toThrow()
}

describe('an upload that another process has left', () => {
  test('goes on from what the registry holds', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, bytes, checkpoint)
    expect(checkpoint.location).toContain('/uploads/')
    const before = registry.requests.length
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx, checkpoint)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([2 * MIB])
    expect(methodsOf(registry.requests.slice(before))).toEqual(['GET', 'PATCH', 'PUT'])
    expect(checkpoint.location).toBeUndefined()
  })

  test('goes on from all that the registry has received, though it still writes the end of that', async () => {
    const registry = await memoryRegistry({ lag: 0.5 * MIB, fault: once('PATCH', { resetAfter: 2 * MIB }) })
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    const first = connect(registry.url, { upload: { strategy: 'patch' }, retry: { attempts: 1, wait: async () => {} } })
    await expect(
      first.adapter.repository('app').writeBlob(blob, opener(bytes).open, first.ctx, checkpoint),
    ).rejects.toThrow(NetworkError)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx, checkpoint)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([2 * MIB])
  })

  test('and only lacks its end gets that', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url)
    const begun = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: 'POST' })
    const location = new URL(begun.headers.get('location') ?? '', registry.url).href
    const headers = { 'content-type': 'application/octet-stream' }
    await fetch(location, { method: 'PATCH', headers, body: Uint8Array.from(bytes) })
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx, remembering(location))
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([])
  })

  test('begins anew where the registry has forgotten it', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, bytes, checkpoint)
    registry.uploads.clear()
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx, checkpoint)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([0])
    expect(checkpoint.location).toBeUndefined()
  })

  test('begins anew where it turns out to hold other bytes', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, Buffer.alloc(bytes.byteLength), checkpoint)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx, checkpoint)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([2 * MIB, 0])
  })

  test('is not tried again after it was refused for good', async () => {
    const registry = await memoryRegistry({ fault: ({ method }) => (method === 'PATCH' ? { status: 403 } : undefined) })
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, bytes, checkpoint)
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx, checkpoint)).rejects.toMatchObject({
      status: 403,
    })
    expect(checkpoint.location).toBeUndefined()
  })

  test('can be deleted, and that never fails', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(4 * MIB)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, bytes, checkpoint)
    const { adapter, ctx } = connect(registry.url)
    for (let at = 0; at < 2; at += 1) await adapter.repository('app').discardBlob?.(checkpoint.location ?? '', ctx)
    expect(registry.uploads.size).toBe(0)
  })
})

test('chunks that the registry has taken are remembered one by one', async () => {
  const registry = await memoryRegistry()
  const { bytes, blob } = blobOf(3 * MIB)
  const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'chunks', chunk: MIB } })
  const checkpoint = remembering()
  await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx, checkpoint)
  expect(checkpoint.saved).toEqual([0, MIB, 2 * MIB, 3 * MIB])
})

describe('a registry that forgets an upload whose request breaks off', () => {
  const SIZE = 70 * MIB

  test('gets a blob that was lost that way in chunks, of which a stopped run loses none', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(SIZE)
    const checkpoint = remembering()
    await leftHalfWay(registry.url, blob, bytes, checkpoint)
    registry.uploads.clear()

    const second = connect(registry.url)
    const stopping = opener(bytes)
    async function* stopped(stream: Bytes): Bytes {
      let read = 0
      for await (const chunk of stream) {
        read += chunk.byteLength
        if (read > 20 * MIB) second.stop.abort()
        if (second.stop.signal.aborted) throw new Error('stopped')
        yield chunk
      }
    }
    const store = second.adapter.repository('app')
    const open = async (offset: number): Promise<Bytes> => stopped(await stopping.open(offset))
    await expect(store.writeBlob(blob, open, second.ctx, checkpoint)).rejects.toThrow('stopped')
    expect([...registry.uploads.values()].map(({ offset }) => offset)).toEqual([16 * MIB])

    const third = connect(registry.url)
    const { open: reopen, offsets } = opener(bytes)
    await third.adapter.repository('app').writeBlob(blob, reopen, third.ctx, checkpoint)
    expect(offsets).toEqual([16 * MIB])
    expect(registry.requests.filter(({ method, status }) => method === 'PATCH' && status === 202)).toHaveLength(9)
    expect(registry.repository('app').blobs.has(blob.digest)).toBe(true)
  })
})
