/** Reads and writes one repository: manifests, blobs, mounts, deletion, scopes, and how many requests that takes. */

import { afterEach, describe, expect, test } from 'vitest'
import { isNotFound, UnsupportedError } from '../../../src/core/errors.ts'
import { computeDigest, contentsOf, DOCKER_MANIFEST, OCI_MANIFEST } from '../../../src/core/manifest.ts'
import { image, index } from '../../support/images.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { bytesOf, connect, end, memoryRegistry } from './connect.ts'

afterEach(end)

const IMAGE = image({ layers: 2, size: 200_000 })
const LAYER = contentsOf(IMAGE).blobs[1] ?? IMAGE.descriptor
const LAYER_BYTES = IMAGE.blobs.get(LAYER.digest) ?? Buffer.alloc(0)

async function holding(options: MemoryRegistryOptions = {}) {
  const registry = await memoryRegistry(options)
  registry.add('app', IMAGE, 'v1')
  const connected = connect(registry.url)
  return { registry, ...connected, store: connected.adapter.repository('app') }
}

describe('a manifest', () => {
  test('is resolved by one HEAD', async () => {
    const { registry, store, ctx } = await holding()
    expect(await store.resolve('v1', ctx)).toEqual({
      mediaType: OCI_MANIFEST,
      digest: IMAGE.digest,
      size: IMAGE.bytes.byteLength,
    })
    expect(await store.resolve('v2', ctx)).toBeUndefined()
    expect(registry.summary()).toEqual({ 'HEAD manifest 200': 1, 'HEAD manifest 404': 1 })
  })

  test.each([405, 406, 415, 501])('is resolved by GET where HEAD is answered with %i', async (status) => {
    const { store, ctx } = await holding({ fault: ({ method }) => (method === 'HEAD' ? { status } : undefined) })
    expect(await store.resolve('v1', ctx)).toMatchObject({ digest: IMAGE.digest })
    expect(await store.resolve('v2', ctx)).toBeUndefined()
  })

  test.each([{ headRefused: true }, { omitDigestHeader: true }])('is resolved by GET with %o', async (options) => {
    const { store, ctx } = await holding(options)
    expect(await store.resolve('v1', ctx)).toEqual({
      mediaType: OCI_MANIFEST,
      digest: IMAGE.digest,
      size: IMAGE.bytes.byteLength,
    })
    expect(await store.resolve('v2', ctx)).toBeUndefined()
  })

  test('is read exactly, whatever parameters its content type has', async () => {
    const { store, ctx } = await holding({ contentTypeCharset: true })
    for (const reference of ['v1', IMAGE.digest]) {
      const manifest = await store.readManifest(reference, ctx)
      expect(manifest).toMatchObject({ mediaType: OCI_MANIFEST, digest: IMAGE.digest })
      expect(Buffer.from(manifest.bytes)).toEqual(Buffer.from(IMAGE.bytes))
    }
  })

  test('that may be pulled on a condition only says which it may be', async () => {
    const { store, ctx } = await holding({ fault: () => ({ status: 412 }) })
    for (const reading of [store.resolve('v1', ctx), store.readManifest('v1', ctx)]) {
      await expect(reading).rejects.toMatchObject({ status: 412, hint: expect.stringContaining('signature') })
    }
  })

  test('asks for every type on one line', async () => {
    const { registry, store, ctx } = await holding()
    await store.readManifest('v1', ctx)
    expect(registry.requests[0]?.headers.accept).toContain(`${OCI_MANIFEST}, `)
    expect(registry.requests[0]?.headers.accept).toContain(DOCKER_MANIFEST)
  })

  test('that is not its digest is an error that names both', async () => {
    const { store, ctx } = await holding({ fault: () => ({ corrupt: true }) })
    for (const reference of ['v1', IMAGE.digest]) {
      await expect(store.readManifest(reference, ctx)).rejects.toMatchObject({
        code: 'integrity',
        message: expect.stringContaining(IMAGE.digest),
      })
    }
  })

  describe('with a sha512 digest', () => {
    const bytes = Uint8Array.from(IMAGE.bytes)
    const manifest = { mediaType: OCI_MANIFEST, digest: computeDigest(bytes, 'sha512'), bytes }

    test.each(['tag', 'digest'] as const)('keeps it under a tag (%s)', async (sha512) => {
      const { registry, store, ctx } = await holding({ sha512 })
      await store.writeManifest(manifest, 'v2', ctx)
      expect(await store.resolve('v2', ctx)).toMatchObject({ digest: manifest.digest })
      expect(registry.repository('app').tags.get('v1')).toBe(IMAGE.digest)
    })

    test('fails where the registry gives the tag another digest', async () => {
      const { store, ctx } = await holding({ sha512: 'ignored' })
      await expect(store.writeManifest(manifest, 'v2', ctx)).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining(`points at ${IMAGE.digest}`),
      })
    })

    test('leaves no tag at a registry that refuses it', async () => {
      const { registry, store, ctx } = await holding({ sha512: false })
      await expect(store.writeManifest(manifest, 'v2', ctx)).rejects.toMatchObject({
        codes: ['DIGEST_INVALID'],
        hint: expect.stringContaining('sha512'),
      })
      expect(registry.repository('app').tags.has('v2')).toBe(false)
    })
  })

  test('that is not there is a 404', async () => {
    const { store, ctx } = await holding()
    await expect(store.readManifest('v2', ctx)).rejects.toSatisfy(isNotFound)
  })

  test('under a digest that nobody here can compute is refused', async () => {
    const { store, ctx } = await holding()
    await expect(store.readManifest('blake3:abcd', ctx)).rejects.toBeInstanceOf(UnsupportedError)
  })

  test.each([{}, { omitDigestHeader: true }])('is written with its own bytes and type (%o)', async (options) => {
    const { registry, store, ctx } = await holding(options)
    const list = index([IMAGE])
    await store.writeManifest(list, 'latest', ctx)
    expect(registry.repository('app').tags.get('latest')).toBe(list.digest)
    expect(Buffer.from(registry.repository('app').manifests.get(list.digest)?.bytes ?? [])).toEqual(
      Buffer.from(list.bytes),
    )
  })

  test('that the registry says it stored under another digest is an error', async () => {
    const other = `sha256:${'0'.repeat(64)}`
    const { store, ctx } = await holding({
      fault: ({ method }) =>
        method === 'PUT' ? { status: 201, headers: { 'docker-content-digest': other } } : undefined,
    })
    await expect(store.writeManifest(IMAGE, 'v2', ctx)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining(other),
    })
  })
})

describe('a blob', () => {
  test.each([{}, { redirectBlobs: true }])('is asked for by HEAD (%o)', async (options) => {
    const { store, ctx } = await holding(options)
    expect(await store.hasBlob(LAYER, ctx)).toBe(true)
    expect(await store.hasBlob({ ...LAYER, digest: `sha256:${'1'.repeat(64)}` }, ctx)).toBe(false)
  })

  test('of another size is not there', async () => {
    const { store, ctx } = await holding()
    expect(await store.hasBlob({ ...LAYER, size: LAYER.size + 1 }, ctx)).toBe(false)
  })

  test.each([{}, { redirectBlobs: true }, { ignoreRange: true }])('is read from any offset (%o)', async (options) => {
    const { store, ctx } = await holding(options)
    for (const offset of [0, 1, 100_000, LAYER.size - 1, LAYER.size]) {
      expect(await bytesOf(await store.readBlob(LAYER, offset, ctx))).toEqual(LAYER_BYTES.subarray(offset))
    }
  })

  test('that comes from another offset than was asked for is an error', async () => {
    const { store, ctx } = await holding({
      fault: () => ({ status: 206, headers: { 'content-range': `bytes 5-9/${LAYER.size}` }, body: 'aaaaa' }),
    })
    await expect(store.readBlob(LAYER, 7, ctx)).rejects.toMatchObject({ code: 'network' })
  })

  test.each([405, 406, 415, 501])('is taken as missing where a HEAD is answered with %i', async (status) => {
    const { store, ctx } = await holding({ fault: ({ method }) => (method === 'HEAD' ? { status } : undefined) })
    expect(await store.hasBlob(LAYER, ctx)).toBe(false)
  })

  test('is mounted by one POST', async () => {
    const { registry, adapter, ctx } = await holding()
    expect(await adapter.repository('copy').mountBlob?.(LAYER, 'app', ctx)).toBe(true)
    expect(registry.summary()).toEqual({ 'POST upload 201': 1 })
  })

  test('whose mount is refused is uploaded in the session that the registry opened', async () => {
    const { registry, adapter, ctx } = await holding({ mount: 202 })
    const copy = adapter.repository('copy')
    expect(await copy.mountBlob?.(LAYER, 'app', ctx)).toBe(false)
    await copy.writeBlob(LAYER, async () => one(LAYER_BYTES), ctx)
    expect(registry.summary()).toEqual({ 'POST upload 202': 1, 'PUT upload 201': 1 })
    expect(registry.repository('copy').blobs.get(LAYER.digest)).toEqual(LAYER_BYTES)
  })

  test.each([403, 404, 500, 503] as const)('whose mount is answered with %i is uploaded', async (mount) => {
    const { registry, adapter, ctx } = await holding({ mount })
    const copy = adapter.repository('copy')
    expect(await copy.mountBlob?.(LAYER, 'app', ctx)).toBe(false)
    expect(registry.requests).toHaveLength(1)
    await copy.writeBlob(LAYER, async () => one(LAYER_BYTES), ctx)
    expect(await copy.hasBlob(LAYER, ctx)).toBe(true)
  })

  test('leaves no session of a refused mount open', async () => {
    const { registry, adapter, ctx } = await holding({ mount: 202 })
    registry.add('copy', IMAGE)
    const copy = adapter.repository('copy')
    for (const from of ['app', 'other', 'third']) expect(await copy.mountBlob?.(LAYER, from, ctx)).toBe(false)
    expect(registry.uploads.size).toBe(1)
    expect(await copy.hasBlob(LAYER, ctx)).toBe(true)
    expect(registry.uploads.size).toBe(0)
  })

  test('is not mounted where the registry is known not to', async () => {
    const registry = await memoryRegistry()
    const { adapter } = connect(registry.url, { mount: false })
    expect(adapter.repository('app').mountBlob).toBeUndefined()
  })
})

describe('a delete', () => {
  test('removes a tag and nothing else', async () => {
    const { registry, store, ctx } = await holding()
    await store.deleteTag?.('v1', ctx)
    await store.deleteTag?.('v1', ctx)
    expect(registry.repository('app').tags.size).toBe(0)
    expect(registry.repository('app').manifests.size).toBe(1)
    await store.deleteManifest?.(IMAGE.digest, ctx)
    await store.deleteManifest?.(IMAGE.digest, ctx)
    expect(registry.repository('app').manifests.size).toBe(0)
  })

  test('of a tag never takes a digest', async () => {
    const { registry, store, ctx } = await holding()
    await expect(store.deleteTag?.(IMAGE.digest, ctx)).rejects.toThrow('not a tag')
    expect(registry.requests).toHaveLength(0)
  })

  test.each([{ deletes: false }, { tagDelete: false }])(
    'that the registry refuses says what to do (%o)',
    async (options) => {
      const { store, ctx } = await holding(options)
      await expect(store.deleteTag?.('v1', ctx)).rejects.toMatchObject({
        code: 'unsupported',
        hint: expect.stringContaining('deletion: never'),
      })
    },
  )
})

test('asks for no more rights than each request needs', async () => {
  const auth = { kind: 'bearer', user: 'u', password: 'p' } as const
  const registry = await memoryRegistry({ auth })
  registry.add('app', IMAGE, 'v1')
  const { adapter, ctx } = connect(registry.url, {}, { kind: 'basic', username: 'u', password: 'p', origin: 'test' })
  const [app, copy] = [adapter.repository('app'), adapter.repository('copy')]
  await app.readManifest('v1', ctx)
  await copy.mountBlob?.(LAYER, 'app', ctx)
  await app.deleteTag?.('v1', ctx)
  const scopes = registry.tokens.map((token) => [...token.scopes].sort().join(' '))
  expect(scopes).toContain('repository:app:pull')
  expect(scopes).toContain('repository:app:pull repository:copy:pull,push')
  expect(scopes).toContain('repository:app:delete')
})

test('copies a new image of five layers with twenty requests', async () => {
  const source = await memoryRegistry()
  const destination = await memoryRegistry()
  const big = image({ layers: 5, size: 100_000 })
  source.add('app', big, 'v1')
  const from = connect(source.url)
  const to = connect(destination.url)
  const [reader, writer] = [from.adapter.repository('app'), to.adapter.repository('app')]
  const manifest = await reader.readManifest('v1', from.ctx)
  for (const blob of contentsOf(manifest).blobs) {
    await writer.writeBlob(blob, (offset) => reader.readBlob(blob, offset, from.ctx), to.ctx)
  }
  await writer.writeManifest(manifest, 'v1', to.ctx)
  expect(source.requests.length + destination.requests.length).toBe(20)
  expect(destination.repository('app').tags.get('v1')).toBe(big.digest)
})

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
