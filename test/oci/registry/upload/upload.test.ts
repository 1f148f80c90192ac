/** Uploads blobs, whole, in chunks, and on from where they broke off. */

import { afterEach, describe, expect, test } from 'vitest'
import type { Bytes, Checkpoint } from '../../../../src/core/content.ts'
import type { Descriptor } from '../../../../src/core/descriptor.ts'
import { IntegrityError, NetworkError } from '../../../../src/core/errors.ts'
import { computeDigest } from '../../../../src/core/manifest.ts'
import type { Fault, LoggedRequest, MemoryRegistry } from '../../../support/memory-registry.ts'
import { randomBytes } from '../../../support/random.ts'
import { connect, end, memoryRegistry } from '../connect.ts'

afterEach(end)

const MIB = 1024 * 1024

function blobOf(size: number): { readonly bytes: Buffer; readonly blob: Descriptor } {
  const bytes = randomBytes(size, `blob of ${size}`)
  return { bytes, blob: { mediaType: 'application/octet-stream', digest: computeDigest(bytes), size } }
}

/** Opens `bytes` at an offset, and remembers at which. */
function opener(bytes: Buffer): { readonly offsets: number[]; open(offset: number): Promise<Bytes> } {
  const offsets: number[] = []
  async function* stream(from: number): Bytes {
    for (let at = from; at < bytes.byteLength; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024)
  }
  return {
    offsets,
    open: async (offset) => {
      offsets.push(offset)
      return stream(offset)
    },
  }
}

/** The methods of the requests. Repeated GETs count once: how often a registry is asked depends on how much of the request was still on its way. */
function methodsOf(requests: readonly LoggedRequest[]): string[] {
  const methods = requests.map(({ method }) => method).filter((method) => method !== 'HEAD')
  return methods.filter((method, at) => method !== 'GET' || methods[at - 1] !== 'GET')
}

function stored(registry: MemoryRegistry, blob: Descriptor): unknown {
  return registry.repository('app').blobs.get(blob.digest)
}

function once(method: string, fault: Fault): (request: LoggedRequest) => Fault | undefined {
  let done = false
  return (request) => {
    if (done || request.method !== method || request.route !== 'upload') return undefined
    done = true
    return fault
  }
}

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
