import { expect, onTestFinished, test, vi } from 'vitest'
import type { Bytes } from '../../src/core/content.ts'
import { Broadcast } from '../../src/transfer/broadcast.ts'

/** A stream that reuses its one buffer, as the fast path does. */
function source(chunks: number, fail?: { readonly at: number }) {
  const seen = { opened: 0, closed: false }
  const open = async (): Promise<Bytes> => {
    seen.opened += 1
    const buffer = Buffer.alloc(4)
    return (async function* () {
      try {
        for (let at = 0; at < chunks; at += 1) {
          if (at === fail?.at) throw new Error('broken')
          buffer.fill(at)
          yield buffer
        }
      } finally {
        seen.closed = true
      }
    })()
  }
  return { seen, open }
}

function streamOf(broadcast: Broadcast, reader: object): Bytes {
  const bytes = broadcast.read(reader)
  if (!bytes) throw new Error('it has begun without this reader')
  return bytes
}

async function collect(bytes: Bytes): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of bytes) {
    await new Promise((resolve) => setImmediate(resolve))
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks)
}

test('every reader gets every byte of a stream that is opened once', async () => {
  const { seen, open } = source(5)
  const readers = [{}, {}, {}]
  const broadcast = new Broadcast(open, readers)
  const all = await Promise.all(readers.map((reader) => collect(streamOf(broadcast, reader))))
  expect(all.every((bytes) => bytes.length === 20 && bytes[16] === 4)).toBe(true)
  expect(seen).toEqual({ opened: 1, closed: true })
})

test('a reader that stops early does not hold up the others', async () => {
  const { open } = source(5)
  const [quitter, other] = [{}, {}]
  const broadcast = new Broadcast(open, [quitter, other])
  const quitting = (async () => {
    for await (const _ of streamOf(broadcast, quitter)) break
  })()
  const [, bytes] = await Promise.all([quitting, collect(streamOf(broadcast, other))])
  expect(bytes.length).toBe(20)
})

test('a reader that never comes is waited for until it leaves', async () => {
  const { seen, open } = source(2)
  const [absent, other] = [{}, {}]
  const broadcast = new Broadcast(open, [absent, other])
  const reading = collect(streamOf(broadcast, other))
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen.opened).toBe(0)
  broadcast.leave(absent)
  expect((await reading).length).toBe(8)
})

test('a failure of the stream is told to every reader', async () => {
  const { open } = source(5, { at: 2 })
  const readers = [{}, {}]
  const broadcast = new Broadcast(open, readers)
  const results = await Promise.allSettled(readers.map((reader) => collect(streamOf(broadcast, reader))))
  expect(results.map((result) => result.status === 'rejected' && String(result.reason))).toEqual([
    'Error: broken',
    'Error: broken',
  ])
})

test('the stream is closed when the last reader leaves', async () => {
  const { seen, open } = source(5)
  const reader = {}
  for await (const _ of streamOf(new Broadcast(open, [reader]), reader)) break
  await new Promise((resolve) => setImmediate(resolve))
  expect(seen.closed).toBe(true)
})

test('who does not come in time is left behind, and told so', async () => {
  const { seen, open } = source(2)
  const [late, other] = [{}, {}]
  const broadcast = new Broadcast(open, [late, other], { patience: 1 })
  expect((await collect(streamOf(broadcast, other))).length).toBe(8)
  expect(broadcast.read(late)).toBeUndefined()
  expect(seen.opened).toBe(1)
})

test('a reader that stops in the middle is left behind, and the others get everything', async () => {
  const { seen, open } = source(5)
  const [stuck, other] = [{}, {}]
  const left: object[] = []
  const broadcast = new Broadcast(open, [stuck, other], { patience: 1, onLeftBehind: (reader) => left.push(reader) })
  const reading = streamOf(broadcast, stuck)[Symbol.asyncIterator]()
  const first = reading.next()
  expect((await collect(streamOf(broadcast, other))).length).toBe(20)
  expect(await first).toMatchObject({ done: false })
  expect(left).toEqual([stuck])
  await expect(reading.next()).rejects.toThrow('without waiting')
  expect(seen.opened).toBe(1)
})

test('a slow source leaves no reader behind', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const slow = Promise.withResolvers<Bytes>()
  const left: object[] = []
  const readers = [{}, {}]
  const broadcast = new Broadcast(() => slow.promise, readers, { onLeftBehind: (reader) => left.push(reader) })
  const reading = readers.map((reader) => collect(streamOf(broadcast, reader)))
  await vi.advanceTimersByTimeAsync(60_000)
  slow.resolve(await source(2).open())
  expect((await Promise.all(reading)).map((bytes) => bytes.length)).toEqual([8, 8])
  expect(left).toEqual([])
})
