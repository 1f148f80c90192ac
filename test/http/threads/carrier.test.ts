/** Another thread for large bodies: that it is used, what passes between the threads, and how it ends. What it does with requests is
 *  tested with the pump. */

import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { withPass } from '../../../src/core/carrier.ts'
import type { Bytes } from '../../../src/core/content.ts'
import type { Descriptor } from '../../../src/core/descriptor.ts'
import { IntegrityError, NetworkError, PausedError } from '../../../src/core/errors.ts'
import { hashBlob } from '../../../src/core/hash.ts'
import { CarrierThread } from '../../../src/http/threads/carrier.ts'
import { createCarriers } from '../../../src/http/threads/carriers.ts'
import { BlobHash, checked } from '../../../src/transfer/stream.ts'
import type { Throttle } from '../../../src/transfer/throttle.ts'
import { randomBytes } from '../../support/random.ts'
import { client, context, failure, read, serve } from '../server.ts'

const MIB = 1 << 20
const BLOB = randomBytes(9 * MIB + 17, 'carrier')
const DIGEST = createHash('sha256').update(BLOB).digest('hex')
const DESCRIPTOR: Descriptor = { mediaType: 'x', digest: `sha256:${DIGEST}`, size: BLOB.length }
const get = { method: 'GET', url: '/b', kind: 'blob' } as const

function thread(): CarrierThread {
  const made = new CarrierThread()
  onTestFinished(() => made.close())
  return made
}

async function blobServer() {
  return serve((_, response) => {
    response.setHeader('content-length', BLOB.length).end(BLOB)
  })
}

/** What of a blob was read here and what was passed on unseen, on its way from one server to another through `carrier`; all arrives. */
async function seen(carrier: CarrierThread, content: Buffer, hash: BlobHash, throttles: readonly Throttle[] = []) {
  const got: Buffer[] = []
  const server = await serve((request, response) => {
    if (request.method === 'GET') return response.setHeader('content-length', content.length).end(content)
    return read(request).then(
      (bytes) => {
        got.push(bytes)
        response.writeHead(201).end()
      },
      () => {},
    )
  })
  const http = client(server)
  const ctx = { ...context(), carrier }
  const source = await http.request(get, ctx)
  const counts = { read: 0, passed: 0 }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source.body) {
      counts.read += chunk.byteLength
      yield chunk
    }
  }
  const counted = withPass(chunks(), async (order) => {
    const passed = (await source.body.pass?.(order)) ?? 0
    counts.passed += passed
    return passed
  })
  let progress = 0
  const options = { blob: DESCRIPTOR, throttles, signal: ctx.signal, progress: (bytes: number) => (progress += bytes) }
  const body = { size: content.length, open: async () => checked(counted, 0, hash, options) }
  const sent = http.request({ method: 'PUT', url: '/u', body, kind: 'blob', retry: false }, ctx)
  await sent.then((response) => response.discard()).finally(() => hash.end())
  expect(got.map((bytes) => bytes.equals(content))).toEqual([true])
  expect([counts.read + counts.passed, progress]).toEqual([content.length, content.length])
  return counts
}

test('a blob is copied there from one server to another, hashed, but for its ends', async () => {
  const carrier = thread()
  const { read, passed } = await seen(carrier, BLOB, new BlobHash(DESCRIPTOR, true, carrier))
  expect(passed).toBeGreaterThan(BLOB.length / 2)
  // Its last bytes go on only once the whole is known to be right.
  expect(read).toBeGreaterThan(0)
})

test('a blob that is not hashed is copied there, too', async () => {
  const { passed } = await seen(thread(), BLOB, new BlobHash(DESCRIPTOR, false))
  expect(passed).toBeGreaterThan(BLOB.length / 2)
})

test('a wrong blob that was copied there is found out before its end', async () => {
  const carrier = thread()
  const wrong = Buffer.from(BLOB)
  wrong[MIB] = (wrong[MIB] ?? 0) ^ 1
  expect(await failure(seen(carrier, wrong, new BlobHash(DESCRIPTOR, true, carrier)))).toBeInstanceOf(IntegrityError)
})

test('nothing is copied past what decides over each chunk, nor past a hash of this thread', async () => {
  const [throttled, elsewhere] = [thread(), thread()]
  const free: Throttle = { take: () => undefined }
  const limited = await seen(throttled, BLOB, new BlobHash(DESCRIPTOR, true, throttled), [free])
  const here = await seen(elsewhere, BLOB, new BlobHash(DESCRIPTOR, true))
  expect([limited.passed, here.passed]).toEqual([0, 0])
})

test('an answer is not copied into a request of another thread', async () => {
  const server = await blobServer()
  const { body } = await client(server).request(get, { ...context(), carrier: thread() })
  expect(await body.pass?.({ into: { carrier: thread(), id: 1 }, limit: MIB })).toBe(0)
  expect((await read(body)).equals(BLOB)).toBe(true)
})

test('a hash reads each byte once, whatever comes twice or leaves a gap', async () => {
  for (const hash of [hashBlob('sha256'), thread().hashBlob('sha256')]) {
    hash.update(BLOB.subarray(0, 5 * MIB), 0)
    hash.update(BLOB.subarray(MIB, 2 * MIB), MIB)
    hash.update(BLOB.subarray(6 * MIB), 6 * MIB)
    hash.update(BLOB.subarray(4 * MIB), 4 * MIB)
    expect(await hash.digest()).toMatchObject({ hex: DIGEST, length: BLOB.length })
    hash.forget()
  }
})

test('bytes come in shared memory, and are hashed where they came', async () => {
  const carrier = thread()
  const http = client(await blobServer())
  const { body } = await http.request(get, { ...context(), carrier })
  const hash = carrier.hashBlob('sha256')
  let size = 0
  for await (const chunk of body) {
    expect(chunk.buffer).toBeInstanceOf(SharedArrayBuffer)
    hash.update(chunk, size)
    size += chunk.byteLength
  }
  expect(await hash.digest()).toMatchObject({ hex: DIGEST, length: size })
  hash.forget()
})

test('bytes of this thread are hashed and sent there just as well', async () => {
  const carrier = thread()
  const got: Buffer[] = []
  const server = await serve((request, response) => {
    read(request).then((bytes) => {
      got.push(bytes)
      response.writeHead(201).end()
    })
  })
  const hash = carrier.hashBlob('sha256')
  async function* pieces(): Bytes {
    for (let at = 0; at < BLOB.length; at += MIB) {
      hash.update(BLOB.subarray(at, at + MIB), at)
      yield BLOB.subarray(at, at + MIB)
    }
  }
  const body = { size: BLOB.length, open: async () => pieces() }
  const request = { method: 'PUT', url: '/u', body, kind: 'blob' } as const
  await (await client(server).request(request, { ...context(), carrier })).discard()
  expect(await hash.digest()).toMatchObject({ hex: DIGEST, length: BLOB.length })
  expect(got.map((bytes) => bytes.equals(BLOB))).toEqual([true])
})

test('what was copied from an answer that is given up alone is counted, so that the rest follows it', async () => {
  const carrier = thread()
  const half = Math.floor(BLOB.length / 2)
  const got: Buffer[] = []
  const arrived = Promise.withResolvers<void>()
  const server = await serve((request, response) => {
    if (request.method === 'GET') {
      response.setHeader('content-length', BLOB.length).write(BLOB.subarray(0, half))
      return
    }
    let size = 0
    request.on('data', (chunk: Buffer) => {
      got.push(chunk)
      size += chunk.byteLength
      if (size >= half) arrived.resolve()
    })
    request.on('end', () => response.end())
  })
  const http = client(server)
  const giveUp = new AbortController()
  const { body } = await http.request(get, { ...context(giveUp.signal), carrier })
  let passed = 0
  // The thread may copy as much as it wants; the rest, which that source never gives, is read from here.
  async function* rest(): AsyncGenerator<Uint8Array> {
    yield BLOB.subarray(passed)
  }
  const source = withPass(rest(), async (order) => {
    const count = (await body.pass?.({ ...order, limit: BLOB.length })) ?? 0
    passed += count
    return count
  })
  const upload = { size: BLOB.length, open: async () => source }
  const sent = http.request({ method: 'PUT', url: '/u', body: upload, kind: 'blob' }, { ...context(), carrier })
  await arrived.promise
  giveUp.abort(new PausedError('paused'))
  await (await sent).discard()
  expect(Buffer.concat(got).equals(BLOB)).toBe(true)
})

test('small requests do not go there', async () => {
  const carrier = thread()
  await carrier.close()
  const server = await serve((_, response) => response.end('ok'))
  const response = await client(server).request({ method: 'GET', url: '/m' }, { ...context(), carrier })
  expect((await read(response.body)).toString()).toBe('ok')
})

test('a thread that ends fails what it carries, which may be tried again, and the next goes from here', async () => {
  const carrier = thread()
  const server = await blobServer()
  const http = client(server)
  const { body } = await http.request(get, { ...context(), carrier })
  const bytes = body[Symbol.asyncIterator]()
  await bytes.next()
  const hash = carrier.hashBlob('sha256')
  const closed = carrier.close()
  const failed = failure(
    (async () => {
      for (;;) if ((await bytes.next()).done) return
    })(),
  )
  expect(await failed).toBeInstanceOf(NetworkError)
  expect(await failure(hash.digest())).toBeInstanceOf(NetworkError)
  await closed
  expect(carrier.usable).toBe(false)
  const again = await http.request(get, { ...context(), carrier })
  expect((await read(again.body)).equals(BLOB)).toBe(true)
})

test('ends at once also where a server never answers', async () => {
  const carrier = thread()
  const arrived = Promise.withResolvers<void>()
  const server = await serve(() => arrived.resolve())
  const asked = failure(client(server).request(get, { ...context(), carrier }))
  await arrived.promise
  await carrier.close()
  expect(await asked).toBeInstanceOf(NetworkError)
})

const LARGE = 100

test('a blob that is alone starts no thread, nor do small ones', async () => {
  const carriers = createCarriers({ threads: 2, smallest: 100, patience: 0 })
  const small = carriers.share(99, async (carrier) => carrier)
  const large = carriers.share(LARGE, async (carrier) => carrier)
  expect(await Promise.all([small, large])).toEqual([undefined, undefined])
})

test('of several large blobs at once each goes to the thread that has the least', async () => {
  const carriers = createCarriers({ threads: 2, smallest: 100, patience: 60_000 })
  onTestFinished(() => carriers.close())
  const begin = () => {
    const begun = Promise.withResolvers<CarrierThread | undefined>()
    const end = Promise.withResolvers<void>()
    const over = carriers.share(LARGE, async (carrier) => {
      begun.resolve(carrier instanceof CarrierThread ? carrier : undefined)
      await end.promise
    })
    return {
      thread: begun.promise,
      end() {
        end.resolve()
        return over
      },
    }
  }
  const [first, second] = [begin(), begin()]
  const threads = new Set([await first.thread, await second.thread])
  expect(threads.size).toBe(2)
  expect(threads).not.toContain(undefined)
  await second.end()
  const third = begin()
  expect(await third.thread).toBe(await second.thread)
  await Promise.all([first.end(), third.end()])
})

test('a machine with one core starts none', async () => {
  const carriers = createCarriers({ threads: 1, smallest: 0 })
  const both = [1, 2].map(() => carriers.share(LARGE, async (carrier) => carrier))
  expect(await Promise.all(both)).toEqual([undefined, undefined])
})
