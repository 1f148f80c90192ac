/** Reads a stream in parts. */

import { describe, expect, test } from 'vitest'
import type { Bytes } from '../../../../src/core/content.ts'
import { computeDigest } from '../../../../src/core/manifest.ts'
import { BlobParts } from '../../../../src/oci/registry/upload/parts.ts'
import { bytesOf } from '../connect.ts'

const CONTENT = Buffer.from('0123456789abcdef')
const BLOB = { mediaType: 'application/octet-stream', digest: computeDigest(CONTENT), size: CONTENT.byteLength }

async function* chunked(from: number, end?: Error): Bytes {
  for (let at = from; at < CONTENT.byteLength; at += 3) yield CONTENT.subarray(at, Math.min(at + 3, CONTENT.byteLength))
  if (end) throw end
}

describe('parts of a blob', () => {
  test('are cut from one stream', async () => {
    let opened = 0
    const parts = new BlobParts(BLOB, async (offset) => {
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
    const parts = new BlobParts(BLOB, async (offset) => {
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
    const parts = new BlobParts(BLOB, async (offset) => chunked(offset, wrong))
    const read: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of parts.read(0, 16)) read.push(chunk)
    })()
    await expect(reading).rejects.toBe(wrong)
    expect(Buffer.concat(read).byteLength).toBe(15)
    expect(parts.takeFailure()).toBe(wrong)
    expect(parts.takeFailure()).toBeUndefined()
  })

  test('of a stream that is too short or too long are an error', async () => {
    const short = new BlobParts({ ...BLOB, size: 20 }, async (offset) => chunked(offset))
    await expect(bytesOf(short.read(0, 20))).rejects.toMatchObject({ code: 'network' })
    const long = new BlobParts({ ...BLOB, size: 8 }, async (offset) => chunked(offset))
    await expect(bytesOf(long.read(0, 8))).rejects.toMatchObject({ code: 'integrity' })
  })
})
