/** Uploads blobs, whole and in chunks, to the place that the registry names. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Bytes } from '../../../../src/core/content.ts'
import { IntegrityError } from '../../../../src/core/errors.ts'
import { connect, end, memoryRegistry } from '../connect.ts'
import { blobOf, MIB, once, opener, stored } from './uploading.ts'

afterEach(end)

describe('a blob', () => {
  test.each([0, 1, 1000, 3 * MIB])('of %i bytes is one POST and one PUT', async (size) => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(size)
    const { adapter, ctx } = connect(registry.url)
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PUT upload 201': 1 })
    expect(registry.requests[1]?.headers).toMatchObject({
      'content-length': String(size),
      'content-type': 'application/octet-stream',
    })
    expect(offsets).toEqual([0])
  })

  test.each(['relative', 'absolute'] as const)('goes in chunks of one stream, by %s locations', async (location) => {
    const registry = await memoryRegistry({ location })
    const { bytes, blob } = blobOf(2.5 * MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'chunks', chunk: MIB } })
    const { open, offsets } = opener(bytes)
    await adapter.repository('app').writeBlob(blob, open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PATCH upload 202': 3, 'PUT upload 201': 1 })
    const ranges = registry.requests.map(({ headers }) => headers['content-range']).filter(Boolean)
    expect(ranges).toEqual([`0-${MIB - 1}`, `${MIB}-${2 * MIB - 1}`, `${2 * MIB}-${2.5 * MIB - 1}`])
    expect(offsets).toEqual([0])
  })

  test('no larger than a chunk is one PUT', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'chunks', chunk: MIB } })
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PUT upload 201': 1 })
  })

  test('above the limit of a PUT goes in chunks', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(2 * MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'put', putLimit: MIB, chunk: MIB } })
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PATCH upload 202': 2, 'PUT upload 201': 1 })
  })

  test('has no chunk below the minimum that the registry names', async () => {
    const registry = await memoryRegistry({ chunkMinLength: MIB })
    const { bytes, blob } = blobOf(2.5 * MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'chunks', chunk: 1000 } })
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PATCH upload 202': 3, 'PUT upload 201': 1 })
  })

  test('can be one PATCH and an empty PUT', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url, { upload: { strategy: 'patch' } })
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PATCH upload 202': 1, 'PUT upload 201': 1 })
  })

  test('that is too large for a proxy goes in chunks, and so does the next one at once', async () => {
    const registry = await memoryRegistry({ maxBody: MIB })
    const { bytes, blob } = blobOf(2.5 * MIB)
    const next = blobOf(2 * MIB)
    const { adapter, ctx } = connect(registry.url)
    await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
    expect(stored(registry, blob)).toEqual(bytes)
    const before = registry.requests.length
    await adapter.repository('other').writeBlob(next.blob, opener(next.bytes).open, ctx)
    expect(registry.requests.slice(before).map(({ status }) => status)).toEqual([202, 202, 202, 201])
  })
})

describe('a Location', () => {
  test.each(['relative', 'absolute'] as const)(
    'that lacks the prefix of the registry gets it back (%s)',
    async (location) => {
      const registry = await memoryRegistry({ hiddenPrefix: '/reg', location })
      const { bytes, blob } = blobOf(MIB)
      const { adapter, ctx } = connect(`${registry.url}/reg`)
      await adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)
      expect(stored(registry, blob)).toEqual(bytes)
    },
  )

  test('on an address that cannot be reached is named as the idea of the registry', async () => {
    const registry = await memoryRegistry({
      fault: once('POST', { status: 202, headers: { location: 'http://127.0.0.1:1/v2/app/blobs/uploads/1' } }),
    })
    const { bytes, blob } = blobOf(1000)
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeBlob(blob, opener(bytes).open, ctx)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining(`${registry.host} named 127.0.0.1:1 as the address of its uploads`),
    })
  })
})

describe('a source that is wrong', () => {
  test('leaves nothing behind: the session is deleted and the error is its own', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx } = connect(registry.url)
    const wrong = new IntegrityError('not its digest')
    async function* stream(): Bytes {
      yield bytes
      throw wrong
    }
    await expect(adapter.repository('app').writeBlob(blob, async () => stream(), ctx)).rejects.toBe(wrong)
    expect(stored(registry, blob)).toBeUndefined()
    expect(registry.uploads.size).toBe(0)
    expect(registry.requests.filter(({ method }) => method === 'PUT').length).toBeLessThanOrEqual(1)
  })

  test('is refused by the registry too', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(1000)
    const other = Buffer.from(bytes).fill(0, 0, 10)
    const { adapter, ctx } = connect(registry.url)
    await expect(adapter.repository('app').writeBlob(blob, opener(other).open, ctx)).rejects.toMatchObject({
      codes: ['DIGEST_INVALID'],
    })
    expect(stored(registry, blob)).toBeUndefined()
  })
})

describe('a cancelled upload', () => {
  test('stops at once and leaves its session to be continued', async () => {
    const registry = await memoryRegistry()
    const { bytes, blob } = blobOf(MIB)
    const { adapter, ctx, stop } = connect(registry.url)
    async function* stream(): Bytes {
      yield bytes.subarray(0, 1000)
      stop.abort()
      await new Promise(() => {})
    }
    await expect(adapter.repository('app').writeBlob(blob, async () => stream(), ctx)).rejects.toThrow()
    expect(['POST', 'POST PUT']).toContain(registry.requests.map(({ method }) => method).join(' '))
    expect(registry.uploads.size).toBe(1)
  })
})
