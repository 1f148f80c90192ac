/** Reads a stream in parts. */

import { describe, expect, test } from 'vitest'
import { withPass } from '../../../../src/core/carrier.ts'
import type { Bytes, OpenBlob } from '../../../../src/core/content.ts'
import type { Descriptor } from '../../../../src/core/descriptor.ts'
import { computeDigest } from '../../../../src/core/manifest.ts'
import { BlobParts } from '../../../../src/oci/registry/upload/parts.ts'
import { bytesOf } from '../connect.ts'

const CONTENT = Buffer.from('0123456789abcdef')
const BLOB = { mediaType: 'application/octet-stream', digest: computeDigest(CONTENT), size: CONTENT.byteLength }

async function* chunked(from: number, end?: Error): Bytes {
  for (let at = from; at < CONTENT.byteLength; at += 3) yield CONTENT.subarray(at, Math.min(at + 3, CONTENT.byteLength))
  if (end) throw end
}

const RUN = new AbortController().signal

function partsOf(blob: Descriptor, open: OpenBlob, run = RUN): BlobParts {
  return new BlobParts(blob, open, run)
}

describe('parts of a blob', () => {
  test('are cut from one stream', async () => {
    let opened = 0
    const parts = partsOf(BLOB, async (offset) => {
      opened += 1
      return chunked(offset)
    })
    expect(String(await bytesOf(parts.read(0, 7)))).toBe('0123456')
    expect(String(await bytesOf(parts.read(7, 7)))).toBe('789abcd')
    expect(String(await bytesOf(parts.read(14, 2)))).toBe('ef')
    expect(opened).toBe(1)
  })

  test('are read again by opening the stream where they begin', async () => {
    const offsets: number[] = []
    const parts = partsOf(BLOB, async (offset) => {
      offsets.push(offset)
      return chunked(offset)
    })
    await bytesOf(parts.read(0, 7))
    await bytesOf(parts.read(7, 7))
    expect(String(await bytesOf(parts.read(7, 9)))).toBe('789abcdef')
    expect(offsets).toEqual([0, 7])
  })

  test('never give the last bytes of a stream that ends with an error', async () => {
    const wrong = new Error('wrong digest')
    const parts = partsOf(BLOB, async (offset) => chunked(offset, wrong))
    const read: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of parts.read(0, 16)) read.push(chunk)
    })()
    await expect(reading).rejects.toBe(wrong)
    expect(Buffer.concat(read).byteLength).toBe(15)
    expect(parts.takeFailure()).toBe(wrong)
    expect(parts.takeFailure()).toBeUndefined()
  })

  test('count what another thread may have sent when it was given up, and else what it has', async () => {
    const passes = [4, 0]
    const parts = partsOf(BLOB, async (offset) => withPass(chunked(offset), async () => passes.shift() ?? 0))
    const bytes = parts.read(0, 16)
    await bytes[Symbol.asyncIterator]().next()
    expect(parts.sent).toBe(3)
    const order = { into: { carrier: { hashBlob: () => expect.unreachable() }, id: 1 }, limit: 10 }
    expect(await bytes.pass?.(order)).toBe(4)
    expect(parts.sent).toBe(7)
    const givenUp = bytes.pass?.(order)
    parts.close()
    expect(await givenUp).toBe(0)
    expect(parts.sent).toBe(16)
  })

  test('of a stream that is too short or too long are an error', async () => {
    const short = partsOf({ ...BLOB, size: 20 }, async (offset) => chunked(offset))
    await expect(bytesOf(short.read(0, 20))).rejects.toMatchObject({ code: 'network' })
    const long = partsOf({ ...BLOB, size: 8 }, async (offset) => chunked(offset))
    await expect(bytesOf(long.read(0, 8))).rejects.toMatchObject({ code: 'integrity' })
  })

  test('miss nothing that a reader which was given up had taken', async () => {
    const gates: (() => void)[] = []
    const parts = partsOf(BLOB, async (offset) =>
      (async function* () {
        yield CONTENT.subarray(offset, offset + 3)
        if (offset === 0) await new Promise<void>((open) => gates.push(open))
        yield* chunked(offset + 3)
      })(),
    )
    const first = parts.read(0, 16)[Symbol.asyncIterator]()
    await first.next()
    const late = first.next()
    await new Promise(setImmediate)
    const second = bytesOf(parts.read(3, 13))
    for (const open of gates) open()
    expect(String(await second)).toBe('3456789abcdef')
    await expect(late).rejects.toMatchObject({ code: 'network' })
    expect(parts.takeFailure()).toBeUndefined()
  })

  test('are not harmed by a stream that fails after it was given up', async () => {
    let fail: (error: Error) => void = () => {}
    const parts = partsOf(BLOB, async (offset) =>
      (async function* () {
        if (offset === 0) await new Promise<void>((_, reject) => (fail = reject))
        yield* chunked(offset)
      })(),
    )
    const late = bytesOf(parts.read(0, 16)).catch((error: unknown) => error)
    await new Promise(setImmediate)
    const second = parts.read(1, 15)[Symbol.asyncIterator]()
    expect(String(Buffer.from((await second.next()).value ?? []))).toBe('123')
    fail(new Error('cut'))
    await late
    expect(parts.takeFailure()).toBeUndefined()
    expect(String(Buffer.from((await second.next()).value ?? []))).toBe('456')
  })

  test('end with the upload that gives them up, also before their stream is open', async () => {
    let closed = false
    let open: () => void = () => {}
    const parts = partsOf(BLOB, async () => {
      await new Promise<void>((resolve) => (open = resolve))
      const bytes = chunked(0)[Symbol.asyncIterator]()
      const end = async () => {
        closed = true
        return { done: true, value: undefined } as const
      }
      return { [Symbol.asyncIterator]: () => ({ next: () => bytes.next(), return: end }) }
    })
    const reading = parts.readWhole(0, 16)
    await new Promise(setImmediate)
    parts.close()
    expect(parts.isOpen).toBe(false)
    open()
    await expect(reading).rejects.toMatchObject({ code: 'network' })
    expect(closed).toBe(true)
  })

  test('end the request of a stream that is given up, and leave that of one which is over alone', async () => {
    const signals: AbortSignal[] = []
    const parts = partsOf(BLOB, async (offset, given) => {
      if (given) signals.push(given)
      return chunked(offset)
    })
    await bytesOf(parts.read(0, 7))
    parts.close()
    await bytesOf(parts.read(7, 9))
    parts.close()
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
  })

  test('end with the run', async () => {
    const stop = new AbortController()
    let given: AbortSignal | undefined
    const parts = partsOf(
      BLOB,
      async (offset, signal) => {
        given = signal
        return chunked(offset)
      },
      stop.signal,
    )
    await bytesOf(parts.read(0, 7))
    stop.abort(new Error('stopped'))
    expect(given?.reason).toMatchObject({ message: 'stopped' })
  })

  test('are never handed out half filled', async () => {
    const parts = partsOf(BLOB, async (offset) => chunked(offset))
    const reading = parts.readWhole(0, 10)
    await new Promise(setImmediate)
    parts.close()
    const bytes = await reading.catch(() => CONTENT.subarray(0, 10))
    expect(String(bytes)).toBe('0123456789')
  })
})
