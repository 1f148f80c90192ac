import { expect, test } from 'vitest'
import type { Digest, Platform } from '../../src/core/descriptor.ts'
import { computeDigest, DOCKER_LIST, type Manifest, OCI_INDEX } from '../../src/core/manifest.ts'
import { narrow } from '../../src/transfer/narrow.ts'
import { image, index } from '../support/images.ts'

const amd = image({ seed: 'amd' })
const arm = image({ seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } })
const isAmd = { platform: (platform: Platform | undefined) => platform?.architecture === 'amd64', attestations: true }
const isThere = async (): Promise<boolean> => true
const none = { isThere, read: (digest: string): Promise<Manifest> => Promise.reject(new Error(`read ${digest}`)) }

function indexOf(json: unknown, mediaType = OCI_INDEX, algorithm: 'sha256' | 'sha512' = 'sha256'): Manifest {
  const bytes = Buffer.from(JSON.stringify(json, undefined, 2))
  return { mediaType, digest: computeDigest(bytes, algorithm), bytes }
}

function textOf(manifest: Manifest | undefined): string {
  return Buffer.from(manifest?.bytes ?? []).toString()
}

test('keeps fields that nobody knows, of the index and of its entries, in their order', async () => {
  const given = indexOf({
    'x-before': { b: 1, a: [1.5, null] },
    schemaVersion: 2,
    manifests: [
      { 'x-own': true, ...arm.descriptor },
      { 'x-own': 'é', ...amd.descriptor },
    ],
    mediaType: OCI_INDEX,
    'x-after': '',
  })
  const { root } = await narrow(given, isAmd, none)
  expect(textOf(root)).toBe(
    JSON.stringify({
      'x-before': { b: 1, a: [1.5, null] },
      schemaVersion: 2,
      manifests: [{ 'x-own': 'é', ...amd.descriptor }],
      mediaType: OCI_INDEX,
      'x-after': '',
    }),
  )
  expect(root?.digest).toBe(computeDigest(root?.bytes ?? Buffer.alloc(0)))
})

test('gives the same bytes every time', async () => {
  const given = index([arm, amd])
  const first = await narrow(given, isAmd, none)
  const second = await narrow(given, isAmd, none)
  expect(textOf(second.root)).toBe(textOf(first.root))
})

test('gives the very bytes back where every child is wanted', async () => {
  const given = index([amd, index([amd])])
  const { root, made } = await narrow(given, isAmd, { isThere, read: async () => index([amd]) })
  expect(root).toBe(given)
  expect(made.size).toBe(0)
})

test('keeps the media type and the algorithm of the digest', async () => {
  const json = { schemaVersion: 2, mediaType: DOCKER_LIST, manifests: [arm.descriptor, amd.descriptor] }
  const { root } = await narrow(indexOf(json, DOCKER_LIST, 'sha512'), isAmd, none)
  expect(root?.mediaType).toBe(DOCKER_LIST)
  expect(root?.digest).toBe(computeDigest(root?.bytes ?? Buffer.alloc(0), 'sha512'))
})

test('an entry goes by its own platform, also where another names the same manifest', async () => {
  const elsewhere = { ...amd.descriptor, platform: { os: 'linux', architecture: 's390x' } }
  const { root } = await narrow(indexOf({ schemaVersion: 2, manifests: [elsewhere, amd.descriptor] }), isAmd, none)
  expect(JSON.parse(textOf(root)).manifests).toEqual([amd.descriptor])
})

test('the entry of a nested index that became another says so, and loses the content it held inline', async () => {
  const inner = index([arm, amd])
  const entry = { ...inner.descriptor, annotations: { kept: 'yes' }, data: 'e30=' }
  const { root, made } = await narrow(indexOf({ schemaVersion: 2, manifests: [entry] }), isAmd, {
    isThere,
    read: async () => inner,
  })
  const [written] = JSON.parse(textOf(root)).manifests
  const smaller = made.get(written.digest)
  expect(written).toEqual({
    mediaType: OCI_INDEX,
    digest: smaller?.digest,
    size: smaller?.bytes.byteLength,
    annotations: { kept: 'yes' },
  })
  expect(JSON.parse(textOf(smaller)).manifests).toEqual([amd.descriptor])
})

test('entries that are no manifests stay, and alone they are nothing', async () => {
  const cache = Buffer.from('cache')
  const { root } = await narrow(index([arm, amd], { blobs: [cache] }), isAmd, none)
  expect(JSON.parse(textOf(root)).manifests).toMatchObject([
    { digest: amd.digest },
    { digest: computeDigest(cache), size: cache.byteLength },
  ])
  expect((await narrow(index([arm], { blobs: [cache] }), isAmd, none)).root).toBeUndefined()
})

test('an image of one platform is left as it is, and so is an empty index', async () => {
  expect((await narrow(arm, isAmd, none)).root).toBe(arm)
  const empty = index([])
  expect((await narrow(empty, isAmd, none)).root).toBe(empty)
})

test('indexes that nest too deep are refused', async () => {
  const given = index([index([amd])])
  await expect(narrow(given, isAmd, { isThere, read: async () => given })).rejects.toThrow(
    'indexes nest deeper than 16',
  )
})

/** Indexes above each other, each naming the one below `width` times; and how often each was read. */
function tower(depth: number, width: number) {
  const indexes = new Map<string, Manifest>()
  const reads = new Map<string, number>()
  let top: Manifest = amd
  for (let level = 0; level < depth; level += 1) {
    const { mediaType, digest, bytes } = top
    const entry = {
      mediaType,
      digest,
      size: bytes.byteLength,
      ...(level === 0 ? { platform: amd.descriptor.platform } : {}),
    }
    top = indexOf({ schemaVersion: 2, manifests: [...Array(width).fill(entry), arm.descriptor] })
    indexes.set(top.digest, top)
  }
  const read = async (digest: string): Promise<Manifest> => {
    reads.set(digest, (reads.get(digest) ?? 0) + 1)
    return indexes.get(digest) ?? amd
  }
  return { top, reads, source: { isThere, read } }
}

test('looks at an index once, however often it is named', async () => {
  const { top, reads, source } = tower(12, 20)
  const { made } = await narrow(top, isAmd, source)
  expect(made.size).toBe(12)
  expect([...reads.values()]).toEqual(Array(11).fill(1))
})

test('attestations that the source does not have are left out, and told', async () => {
  const attest = (subject: Digest) => ({ annotations: { 'vnd.docker.reference.digest': subject } })
  const [there, gone] = [image({ seed: 'attestation 1' }), image({ seed: 'attestation 2' })]
  const entries = [there, gone].map(({ descriptor: { mediaType, digest, size } }) => ({
    ...{ mediaType, digest, size, platform: { os: 'unknown', architecture: 'unknown' } },
    ...attest(amd.digest),
  }))
  const given = indexOf({ schemaVersion: 2, manifests: [amd.descriptor, ...entries] })
  const source = { ...none, isThere: async ({ digest }: { readonly digest: string }) => digest === there.digest }
  const { root, missing } = await narrow(given, isAmd, source)
  expect(JSON.parse(textOf(root)).manifests).toEqual([amd.descriptor, entries[0]])
  expect(missing.map(({ digest }) => digest)).toEqual([gone.digest])
  const without = await narrow(given, { attestations: false }, none)
  expect(JSON.parse(textOf(without.root)).manifests).toEqual([amd.descriptor])
})
