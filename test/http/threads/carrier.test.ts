/** Another thread for large bodies: that it is used, what passes between the threads, and how it ends. What it does with requests is
 *  tested with the pump. */

import { createHash } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { Bytes } from '../../../src/core/content.ts'
import { NetworkError } from '../../../src/core/errors.ts'
import { CarrierThread } from '../../../src/http/threads/carrier.ts'
import { createCarriers } from '../../../src/http/threads/carriers.ts'
import { isMoved, Passage } from '../../../src/http/threads/passage.ts'
import { randomBytes } from '../../support/random.ts'
import { client, context, failure, read, serve } from '../server.ts'

const MIB = 1 << 20
const BLOB = randomBytes(9 * MIB + 17, 'carrier')
const DIGEST = createHash('sha256').update(BLOB).digest('hex')
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

/** A blob's way through a thread of its own. */
function passage(throttled = false): Passage {
  return new Passage(thread(), throttled)
}

/** What of a blob of `size` bytes came by here on its way from one server to another through `carrier`, and what arrived. */
async function passing(carrier: Passage, content: Buffer, seen: (chunk: Uint8Array) => void = () => {}) {
  const got: Buffer[] = []
  const server = await serve((request, response) => {
    if (request.method === 'GET') return response.setHeader('content-length', content.length).end(content)
    return read(request).then((bytes) => {
      got.push(bytes)
      response.writeHead(201).end()
    })
  })
  const http = client(server)
  const ctx = { ...context(), carrier }
  const source = await http.request(get, ctx)
  async function* chunks(): Bytes {
    for await (const chunk of source.body) {
      seen(chunk)
      yield chunk
    }
  }
  const body = { size: content.length, open: async () => chunks() }
  await (await http.request({ method: 'PUT', url: '/u', body, kind: 'blob' }, ctx)).discard()
  expect(got.map((bytes) => bytes.equals(content))).toEqual([true])
}

test('what goes straight from one server to another is moved there, but for its ends', async () => {
  const carrier = passage()
  const hash = carrier.createHash('sha256')
  const chunks: Uint8Array[] = []
  await passing(carrier, BLOB, (chunk) => {
    chunks.push(chunk)
    hash.update(chunk)
  })
  expect(await hash.digest()).toBe(DIGEST)
  const moved = chunks.filter(isMoved)
  expect(moved.length).toBeGreaterThan(0)
  expect(sizeOf(moved)).toBeGreaterThan(BLOB.length / 2)
  expect([chunks[0], chunks.at(-1)].map((chunk) => chunk && isMoved(chunk))).toEqual([false, false])
  expect(sizeOf(chunks)).toBe(BLOB.length)
})

test('nothing is moved past what must decide over each chunk, nor past a hash that has not read the one before', async () => {
  const unread = passage()
  unread.createHash('sha256')
  for (const carrier of [passage(true), unread]) {
    await passing(carrier, BLOB, (chunk) => expect(isMoved(chunk)).toBe(false))
  }
})

test('nothing of another answer is moved, as its first chunk may have to be left out or may be wanted no more', () => {
  const carrier = passage()
  const target = { id: 1, pulling: true, left: 10 * MIB }
  const [first, second] = [{}, {}]
  const straight = (answer: object) => carrier.take(carrier.give(new Uint8Array(1), answer), target)
  straight(first)
  expect(carrier.next(10 * MIB, first)).toMatchObject({ to: 1 })
  expect(carrier.next(10 * MIB, second)).toBeUndefined()
  straight(second)
  expect(carrier.next(10 * MIB, second)).toMatchObject({ to: 1 })
  expect(carrier.next(10 * MIB, first)).toBeUndefined()
})

test('bytes come in shared memory, and are hashed where they came', async () => {
  const carrier = passage()
  const http = client(await blobServer())
  const { body } = await http.request(get, { ...context(), carrier })
  const hash = carrier.createHash('sha256')
  let size = 0
  for await (const chunk of body) {
    expect(chunk.buffer).toBeInstanceOf(SharedArrayBuffer)
    hash.update(chunk)
    size += chunk.byteLength
  }
  expect([size, await hash.digest()]).toEqual([BLOB.length, DIGEST])
  hash.forget()
})

test('bytes of this thread are hashed and sent there just as well', async () => {
  const carrier = passage()
  const got: Buffer[] = []
  const server = await serve((request, response) => {
    read(request).then((bytes) => {
      got.push(bytes)
      response.writeHead(201).end()
    })
  })
  const hash = carrier.createHash('sha256')
  async function* pieces(): Bytes {
    for (let at = 0; at < BLOB.length; at += MIB) {
      hash.update(BLOB.subarray(at, at + MIB))
      yield BLOB.subarray(at, at + MIB)
    }
  }
  const body = { size: BLOB.length, open: async () => pieces() }
  const request = { method: 'PUT', url: '/u', body, kind: 'blob' } as const
  await (await client(server).request(request, { ...context(), carrier })).discard()
  expect(await hash.digest()).toBe(DIGEST)
  expect(got.map((bytes) => bytes.equals(BLOB))).toEqual([true])
})

test('small requests do not go there', async () => {
  const carrier = passage()
  await carrier.thread.close()
  const server = await serve((_, response) => response.end('ok'))
  const response = await client(server).request({ method: 'GET', url: '/m' }, { ...context(), carrier })
  expect((await read(response.body)).toString()).toBe('ok')
})

test('a thread that ends fails what it carries, which may be tried again, and the next goes from here', async () => {
  const carrier = passage()
  const server = await blobServer()
  const http = client(server)
  const { body } = await http.request(get, { ...context(), carrier })
  const bytes = body[Symbol.asyncIterator]()
  await bytes.next()
  const hash = carrier.createHash('sha256')
  const closed = carrier.thread.close()
  const failed = failure(
    (async () => {
      for (;;) if ((await bytes.next()).done) return
    })(),
  )
  expect(await failed).toBeInstanceOf(NetworkError)
  expect(await failure(hash.digest())).toBeInstanceOf(NetworkError)
  await closed
  expect(carrier.thread.usable).toBe(false)
  const again = await http.request(get, { ...context(), carrier })
  expect((await read(again.body)).equals(BLOB)).toBe(true)
})

test('ends at once also where a server never answers', async () => {
  const carrier = passage()
  const arrived = Promise.withResolvers<void>()
  const server = await serve(() => arrived.resolve())
  const asked = failure(client(server).request(get, { ...context(), carrier }))
  await arrived.promise
  await carrier.thread.close()
  expect(await asked).toBeInstanceOf(NetworkError)
})

const LARGE = { size: 100, throttled: false }

test('a blob that is alone starts no thread, nor do small ones', async () => {
  const carriers = createCarriers({ threads: 2, smallest: 100, patience: 0 })
  const small = carriers.share({ ...LARGE, size: 99 }, async (carrier) => carrier)
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
      begun.resolve(carrier instanceof Passage ? carrier.thread : undefined)
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

function sizeOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { byteLength }) => sum + byteLength, 0)
}
