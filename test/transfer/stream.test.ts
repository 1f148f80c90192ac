import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Bytes } from '../../src/core/content.ts'
import type { Descriptor } from '../../src/core/descriptor.ts'
import { NetworkError, RegistryError } from '../../src/core/errors.ts'
import { resumable } from '../../src/transfer/resumable.ts'
import { BlobHash, checked } from '../../src/transfer/stream.ts'

const CONTENT = Buffer.from('0123456789abcdefghij')
const OPTIONS = { source: 'from', throttles: [], signal: new AbortController().signal, progress: () => {} }

function descriptorOf(content: Uint8Array, size = content.byteLength): Descriptor {
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}` as const
  return { mediaType: 'application/octet-stream', digest, size }
}

async function* pieces(content: Uint8Array, length: number): Bytes {
  for (let at = 0; at < content.byteLength; at += length) yield content.subarray(at, at + length)
}

async function read(bytes: Bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

test('passes the right bytes on', async () => {
  const blob = descriptorOf(CONTENT)
  expect(await read(checked(pieces(CONTENT, 3), 0, new BlobHash(blob), { blob, ...OPTIONS }))).toEqual(CONTENT)
})

test('passes an empty blob', async () => {
  const blob = descriptorOf(Buffer.alloc(0))
  expect(await read(checked(pieces(Buffer.alloc(0), 3), 0, new BlobHash(blob), { blob, ...OPTIONS }))).toEqual(
    Buffer.alloc(0),
  )
})

for (const [what, content] of [
  ['a flipped byte', Buffer.from('0123456789abcdefghiX')],
  ['a byte too few', CONTENT.subarray(0, 19)],
  ['a byte too many', Buffer.concat([CONTENT, Buffer.from('!')])],
] as const) {
  test(`${what} fails before the end and names both digests`, async () => {
    const blob = descriptorOf(CONTENT)
    const actual = descriptorOf(content).digest
    const passed: Uint8Array[] = []
    const reading = (async () => {
      for await (const chunk of checked(pieces(content, 7), 0, new BlobHash(blob), { blob, ...OPTIONS }))
        passed.push(chunk)
    })()
    await expect(reading).rejects.toThrow(new RegExp(`expected ${blob.digest}.*got ${actual}`))
    expect(Buffer.concat(passed).byteLength).toBeLessThan(CONTENT.byteLength)
  })
}

test('a second attempt from the middle hashes only what the first did not see', async () => {
  const blob = descriptorOf(CONTENT)
  const hash = new BlobHash(blob)
  const first = checked(pieces(CONTENT, 4), 0, hash, { blob, ...OPTIONS })[Symbol.asyncIterator]()
  await first.next()
  await first.next()
  await first.return?.()
  const rest = await read(checked(pieces(CONTENT.subarray(4), 3), 4, hash, { blob, ...OPTIONS }))
  expect(rest).toEqual(CONTENT.subarray(4))
})

test('a beginning that another process has sent is not judged, but the length is', async () => {
  const blob = descriptorOf(CONTENT)
  const rest = CONTENT.subarray(8)
  expect(await read(checked(pieces(rest, 3), 8, new BlobHash(blob), { blob, ...OPTIONS }))).toEqual(rest)
  const short = read(checked(pieces(rest.subarray(1), 3), 8, new BlobHash(blob), { blob, ...OPTIONS }))
  await expect(short).rejects.toThrow('got 19 bytes')
})

test('one that begins anew after all is judged whole', async () => {
  const blob = descriptorOf(CONTENT)
  const hash = new BlobHash(blob)
  const wrong = Buffer.from('X123456789abcdefghij')
  await read(checked(pieces(wrong.subarray(8), 3), 8, hash, { blob, ...OPTIONS }))
  await expect(read(checked(pieces(wrong, 3), 0, hash, { blob, ...OPTIONS }))).rejects.toThrow(blob.digest)
  expect(await read(checked(pieces(CONTENT, 3), 0, new BlobHash(blob), { blob, ...OPTIONS }))).toEqual(CONTENT)
})

test('without hashing only the length is checked', async () => {
  const blob = descriptorOf(CONTENT)
  const wrong = Buffer.alloc(CONTENT.byteLength)
  expect(await read(checked(pieces(wrong, 3), 0, new BlobHash(blob, false), { blob, ...OPTIONS }))).toEqual(wrong)
  const short = read(checked(pieces(wrong.subarray(1), 3), 0, new BlobHash(blob, false), { blob, ...OPTIONS }))
  await expect(short).rejects.toThrow('got 19 bytes')
})

test('a source that breaks off is read on from where it stopped', async () => {
  const offsets: number[] = []
  const open = async (offset: number): Promise<Bytes> => {
    offsets.push(offset)
    return (async function* () {
      yield CONTENT.subarray(offset, offset + 8)
      throw new NetworkError('reset')
    })()
  }
  const retries: number[] = []
  const bytes = resumable(open, 0, 16, async (_error, attempt) => {
    retries.push(attempt)
    return true
  })
  const got: Uint8Array[] = []
  for await (const chunk of bytes) {
    got.push(chunk)
    if (Buffer.concat(got).byteLength >= 16) break
  }
  expect(Buffer.concat(got)).toEqual(CONTENT.subarray(0, 16))
  expect(offsets).toEqual([0, 8])
})

test('an error that will not pass is not tried again', async () => {
  let opened = 0
  const open = async (): Promise<Bytes> => {
    opened += 1
    throw new RegistryError('404 BLOB_UNKNOWN', { status: 404, method: 'GET', path: '/v2/a/blobs/x' })
  }
  await expect(read(resumable(open, 0, 20, async () => true))).rejects.toThrow('BLOB_UNKNOWN')
  expect(opened).toBe(1)
})
