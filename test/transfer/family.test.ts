/** The manifests of an artifact, within bounds. */

import { expect, test } from 'vitest'
import type { Descriptor } from '../../src/core/descriptor.ts'
import { computeDigest, type Manifest, OCI_INDEX } from '../../src/core/manifest.ts'
import { familyOf, indexReader } from '../../src/transfer/family.ts'
import { image, index } from '../support/images.ts'

const amd = image({ seed: 'amd' })
const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })

function readerOf(manifests: readonly Manifest[]) {
  const seen = { reads: 0 }
  return {
    seen,
    async read(digest: string): Promise<Manifest> {
      seen.reads += 1
      const found = manifests.find((manifest) => manifest.digest === digest)
      if (!found) throw new Error(`read ${digest}`)
      return found
    },
  }
}

test('is the artifact and what is below it, each once; only indexes are read', async () => {
  const inner = index([arm])
  const outer = index([amd, inner, arm])
  const { read, seen } = readerOf([inner])
  const family = await familyOf(outer, undefined, read)
  expect(family.map(({ digest }) => digest)).toEqual([outer.digest, amd.digest, inner.digest, arm.digest])
  expect(seen.reads).toBe(1)
  const wanted = { platform: () => false, attestations: true }
  expect((await familyOf(outer, wanted, read)).map(({ digest }) => digest)).toEqual([outer.digest, inner.digest])
})

/** An index of indexes that are all different, and nowhere. */
function indexOf(entries: readonly Partial<Descriptor>[]): Manifest {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: entries }))
  return { mediaType: OCI_INDEX, digest: computeDigest(bytes), bytes }
}

test('of more manifests than is plausible is refused', async () => {
  const digest = (at: number): Descriptor => ({
    mediaType: OCI_INDEX,
    digest: computeDigest(Buffer.from(`${at}`)),
    size: 1,
  })
  const root = indexOf(Array.from({ length: 10_001 }, (_, at) => digest(at)))
  await expect(familyOf(root, undefined, readerOf([]).read)).rejects.toThrow('more than 10000 manifests')
})

test('of indexes that nest without an end is refused', async () => {
  let last = 0
  const endless = async (): Promise<Manifest> => {
    last += 1
    return indexOf([{ mediaType: OCI_INDEX, digest: computeDigest(Buffer.from(`below ${last}`)), size: 1 }])
  }
  await expect(familyOf(await endless(), undefined, endless)).rejects.toThrow('nest deeper than 16')
  expect(last).toBeLessThan(20)
})

test('of indexes that weigh too much in sum is refused', async () => {
  const heavy = { ...indexOf([]), bytes: Buffer.alloc(8 * 1024 * 1024) }
  const read = indexReader(async () => heavy)
  const reads = Array.from({ length: 9 }, (_, at) => read(`sha256:${at}`))
  const failed = (await Promise.allSettled(reads)).filter(({ status }) => status === 'rejected')
  expect(failed).toHaveLength(1)
})

test('an index that could not be read is read again', async () => {
  let fails = true
  const inner = index([arm])
  const read = indexReader(async () => {
    if (!fails) return inner
    fails = false
    throw new Error('reset')
  })
  await expect(read(inner.digest)).rejects.toThrow('reset')
  await new Promise((resolve) => setImmediate(resolve))
  expect(await read(inner.digest)).toBe(inner)
})
