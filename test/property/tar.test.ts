/** Tars that strangers have made or damaged: each is read or refused in words, soon, and nothing outside of it is touched. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { ReplicateError } from '../../src/core/errors.ts'
import { ociLayout } from '../../src/oci/layout/layout.ts'
import { scanTar } from '../../src/oci/layout/tar/scan.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Longer by `FUZZ_SECONDS`; a certain case by `REPLICATE_PROPERTY_SEED`, which a failure prints. */
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 3)
const SEED = Number(process.env.REPLICATE_PROPERTY_SEED ?? 1)
const BLOCK = 512

const name = fc.oneof(
  fc.constantFrom('oci-layout', 'index.json', './index.json', 'manifest.json', '../index.json', '/index.json', ''),
  fc.constant(`blobs/sha256/${createHash('sha256').digest('hex')}`),
  fc.string({ maxLength: 300 }),
)
const member = fc.record({
  name,
  content: fc.uint8Array({ maxLength: 2000 }),
  type: fc.constantFrom('file' as const, 'symlink' as const, 'directory' as const),
})
/** A field of a header that a stranger sets as he likes, with or without a checksum that is right. */
const damage = fc.record({
  block: fc.nat(20),
  at: fc.nat(BLOCK - 1),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  mended: fc.boolean(),
})

async function tarOf(
  members: readonly { name: string; content: Uint8Array; type: 'file' | 'symlink' | 'directory' }[],
) {
  const tar = pack()
  for (const { name, content, type } of members) {
    if (type === 'file') tar.entry({ name }, Buffer.from(content))
    else tar.entry({ name, type, linkname: '/etc/passwd' })
  }
  tar.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function mend(header: Buffer): void {
  header.fill(' ', 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

const reader = (bytes: Buffer) => ({
  async read(buffer: Buffer, offset: number, length: number, position: number) {
    return { bytesRead: bytes.copy(buffer, offset, position, Math.min(position + length, bytes.length)) }
  },
})

test(
  'a tar is scanned or refused, whatever is in it',
  async () => {
    const property = fc.asyncProperty(
      fc.array(member, { maxLength: 6 }),
      fc.array(damage, { maxLength: 3 }),
      fc.nat(2000),
      async (members, damages, cut) => {
        const bytes = await tarOf(members)
        for (const { block, at, bytes: written, mended } of damages) {
          const header = bytes.subarray(block * BLOCK, (block + 1) * BLOCK)
          header.set(written.subarray(0, Math.max(0, header.length - at)), Math.min(at, header.length))
          if (mended && header.length === BLOCK) mend(header)
        }
        const tar = bytes.subarray(0, bytes.length - Math.min(cut, bytes.length))
        try {
          const { members: found } = await scanTar(reader(tar), tar.length, 'fuzz.tar')
          for (const { offset, size } of found.values()) {
            expect(offset).toBeGreaterThanOrEqual(BLOCK)
            expect(size).toBeGreaterThanOrEqual(0)
            expect(offset + size).toBeLessThanOrEqual(tar.length)
          }
        } catch (error) {
          if (!(error instanceof ReplicateError)) throw error
        }
      },
    )
    await fc.assert(property, {
      seed: SEED,
      numRuns: 1_000_000,
      interruptAfterTimeLimit: SECONDS * 1000,
      endOnFailure: true,
    })
  },
  60_000 + SECONDS * 2000,
)

test(
  'the files of a layout in a tar are read or refused, whatever they hold',
  async () => {
    const path = join(temporaryDirectory(), 'fuzz.tar')
    const json = fc.oneof(
      fc.json(),
      fc.string(),
      fc.json().map((text) => `{"manifests":[${text}]}`),
    )
    const descriptor = fc.record({
      mediaType: fc.constantFrom(
        'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.oci.image.index.v1+json',
      ),
      digest: fc.oneof(fc.string(), fc.constant(`sha256:${'0'.repeat(64)}`), fc.constant('sha256:../../../etc/passwd')),
      size: fc.anything(),
      annotations: fc.anything(),
    })
    const indexes = fc.oneof(
      json,
      fc.array(descriptor).map((manifests) => JSON.stringify({ manifests }) ?? ''),
    )
    const ctx = { signal: new AbortController().signal, emit: () => {} }
    const property = fc.asyncProperty(indexes, async (index) => {
      const members = [
        { name: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}'), type: 'file' as const },
        { name: 'index.json', content: Buffer.from(index), type: 'file' as const },
      ]
      writeFileSync(path, await tarOf(members))
      const layout = ociLayout({ name: 'fuzz', type: 'oci-layout', path })
      try {
        for await (const repository of layout.repositories({ namespaces: [], names: [] }, ctx)) {
          for await (const tag of layout.repository(repository).tags(ctx)) {
            const found = await layout.repository(repository).resolve(tag, ctx)
            if (found) for await (const _ of layout.repository(repository).referrers(found, ctx));
          }
          for await (const _ of layout.listTags(repository, ctx));
        }
      } catch (error) {
        if (!(error instanceof ReplicateError)) throw error
      } finally {
        await layout.close()
      }
    })
    await fc.assert(property, {
      seed: SEED,
      numRuns: 1_000_000,
      interruptAfterTimeLimit: SECONDS * 1000,
      endOnFailure: true,
    })
  },
  60_000 + SECONDS * 2000,
)
