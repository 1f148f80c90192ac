/** Uploads that break off go on from where the registry says they stopped. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Bytes } from '../../../../src/core/content.ts'
import { NetworkError } from '../../../../src/core/errors.ts'
import { connect, end, memoryRegistry } from '../connect.ts'
import { blobOf, MIB, methodsOf, once, opener, stored } from './uploading.ts'

afterEach(end)

describe('an upload that breaks off', () => {
  test('goes on where the registry says it stopped', async () => {
    const registry = await memoryRegistry({ fault: once('PUT', { resetAfter: MIB }) })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx, events } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toHaveLength(2)
    expect(offsets[1]).toBeGreaterThan(0)
    expect(methodsOf(registry.requests)).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'PUT'])
    expect(events).toContainEqual(expect.objectContaining({ type: 'retry' }))
  })

  test('in a chunk goes on within that chunk', async () => {
    let patches = 0
    const registry = await memoryRegistry({
      fault: ({ method }) => {
        if (method === 'PATCH') patches += 1
        return method === 'PATCH' && patches === 2 ? { resetAfter: 300_000 } : undefined
      },
    })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'chunks', chunk: MIB } })
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets[1]).toBeGreaterThanOrEqual(MIB)
  })

  test('begins anew where the registry has forgotten it', async () => {
    const registry = await memoryRegistry({
      fault: (request) => {
        if (request.method === 'GET') registry.uploads.clear()
        return fault(request)
      },
    })
    const fault = once('PUT', { resetAfter: MIB })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([0, 0])
    // Where all of it had left, the blob is asked for as well.
    expect(methodsOf(registry.requests)).toEqual(['POST', 'PUT', 'GET', 'POST', 'PUT'])
  })

  test('is asked again where it turns out to hold less than it said', async () => {
    let isWrong = true
    const cut = once('PUT', { resetAfter: MIB })
    const registry = await memoryRegistry({
      get rangeCounts() {
        return isWrong
      },
      fault: (request) => {
        if (request.method === 'PATCH') isWrong = false
        return cut(request)
      },
    })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([0, MIB + 1, MIB])
    expect(methodsOf(registry.requests)).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'GET', 'PATCH', 'PUT'])
  })

  test('opens its source again only once the registry has written all that it received', async () => {
    const registry = await memoryRegistry({ lag: 0.5 * MIB, fault: once('PUT', { resetAfter: 2.5 * MIB }) })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([0, 2.5 * MIB])
    expect(methodsOf(registry.requests)).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'PUT'])
  })

  test('fails after three refused ranges in a row, however slowly the registry writes', async () => {
    const registry = await memoryRegistry({ lag: 64 * 1024, fault: once('PUT', { resetAfter: 2.5 * MIB }) })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await expect(adapter.repository('app').writeBlob(blob, open, ctx)).rejects.toMatchObject({ status: 416 })
    expect(offsets).toHaveLength(4)
  })

  test.each([
    ['takes no ranges', { fault: undefined }],
    ['counts where others name the last byte', { rangeCounts: true }],
  ])('begins anew where the registry %s and so refuses each resumption', async (_what, options) => {
    const cut = once('PUT', { resetAfter: MIB })
    const registry = await memoryRegistry({
      ...options,
      fault: (request) =>
        cut(request) ?? ('rangeCounts' in options || request.method !== 'PATCH' ? undefined : { status: 416 }),
    })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets[0]).toBe(0)
    expect(offsets.at(-1)).toBe(0)
    // Where all of it had left, the blob is asked for as well.
    expect(methodsOf(registry.requests)).toEqual(['POST', 'PUT', 'GET', 'PATCH', 'GET', 'DELETE', 'POST', 'PUT'])
    expect(registry.uploads.size).toBe(0)
  })

  test('that says how many bytes it holds is resumed there where the adapter knows', async () => {
    const registry = await memoryRegistry({ rangeCounts: true, fault: once('PUT', { resetAfter: MIB }) })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'put', status: 'count' } })
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(offsets).toEqual([0, MIB])
  })

  test('may fail any number of times as long as it gets further', async () => {
    let broken = 0
    const registry = await memoryRegistry({
      fault: ({ method, route }) => {
        if (route !== 'upload' || !['PUT', 'PATCH'].includes(method) || broken === 6) return undefined
        broken += 1
        return { resetAfter: 400_000 }
      },
    })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(broken).toBe(6)
  })

  test('is done where only the answer was lost', async () => {
    const registry = await memoryRegistry({ fault: once('PUT', { loseAnswer: true }) })
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(offsets).toEqual([0])
    expect(registry.requests.map(({ method }) => method)).toEqual(['POST', 'PUT', 'GET', 'HEAD'])
  })

  test('is given up after three failures without progress', async () => {
    const registry = await memoryRegistry({ fault: ({ method }) => (method === 'PUT' ? { reset: true } : undefined) })
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)).rejects.toMatchObject({
      code: 'network',
    })
    expect(registry.requests.filter(({ method }) => method === 'PUT')).toHaveLength(3)
  })

  test('believes its own count where the registry names more than it was sent', async () => {
    const registry = await memoryRegistry({
      fault: (request) => {
        if (request.method === 'GET') return { status: 204, headers: { range: 'bytes=0-99999999' } }
        return fault(request)
      },
    })
    const fault = once('PUT', { resetAfter: MIB })
    const { bytes, blob } = blobOf(3 * MIB)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(Math.max(...offsets)).toBeLessThanOrEqual(bytes.byteLength)
  })

  test('is refused at once where the registry says no', async () => {
    const registry = await memoryRegistry({ fault: once('PUT', { status: 403 }) })
    const { bytes, blob } = blobOf(1000)
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)).rejects.toMatchObject({
      status: 403,
    })
    expect(registry.requests).toHaveLength(2)
  })
})

describe('an upload that breaks off while its source is silent', () => {
  /** Gives `before` bytes, then waits until it is released, as a source does that is slow or is opened again; only the first time. */
  function silentAfter(bytes: Buffer, before: number, end?: Error) {
    const released = Promise.withResolvers<void>()
    const offsets: number[] = []
    async function* stream(from: number, isFirst: boolean): Bytes {
      if (isFirst) {
        yield bytes.subarray(from, before)
        await released.promise
        if (end) throw end
      }
      yield* await opener(bytes).open(isFirst ? before : from)
    }
    const open = async (offset: number): Promise<Bytes> => {
      offsets.push(offset)
      return stream(offset, offsets.length === 1)
    }
    return { open, offsets, release: () => released.resolve() }
  }

  test.each([
    ['then gives its next bytes late', undefined],
    ['then breaks', new NetworkError('connection closed')],
  ])('that %s gets each byte once and in its place', async (_what, late) => {
    const { bytes, blob } = blobOf(3 * MIB)
    const source = silentAfter(bytes, MIB, late)
    const cut = once('PUT', { resetAfter: MIB })
    const cutAgain = once('PATCH', { resetAfter: MIB / 2 })
    const registry = await memoryRegistry({
      fault: (request) => {
        // The request that waited for the source is over when the registry is asked how far it is; its reader still waits, and is to wake up
        // when the next request has begun to read. Only what the test can find depends on this time.
        if (request.method === 'GET') setTimeout(source.release, 50)
        return cut(request) ?? cutAgain(request)
      },
    })
    const { adapter, ctx, events } = connect(registry.url)
    await adapter.repository('app').writeBlob(blob, source.open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(source.offsets.slice(0, 2)).toEqual([0, MIB])
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(2)
    expect(registry.requests.filter(({ method, status }) => method === 'PUT' && status === 400)).toEqual([])
  })

  test('has closed its stream before it asks anything', async () => {
    const { bytes, blob } = blobOf(3 * MIB)
    let open = 0
    const atGet: number[] = []
    const registry = await memoryRegistry({
      fault: (request) => {
        if (request.method === 'GET') atGet.push(open)
        return cut(request)
      },
    })
    const cut = once('PUT', { resetAfter: MIB })
    const { adapter, ctx } = connect(registry.url)
    await adapter.repository('app').writeBlob(
      blob,
      async (offset) => {
        open += 1
        const chunks = (await opener(bytes).open(offset))[Symbol.asyncIterator]()
        const end = async () => {
          open -= 1
          return { done: true, value: undefined } as const
        }
        return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next(), return: end }) }
      },
      ctx,
    )
    expect(new Set(atGet)).toEqual(new Set([0]))
  })
})
