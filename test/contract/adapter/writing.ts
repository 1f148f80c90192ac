/** What every adapter creates, writes and deletes, also where an upload breaks off or somebody else was first. */

import { expect, test } from 'vitest'
import { bytesOf } from '../../../src/core/content.ts'
import { RegistryError, UnsupportedError } from '../../../src/core/errors.ts'
import { image, named } from '../../support/images.ts'
import { randomBytes } from '../../support/random.ts'
import { contentOf, digestsIn, prepared, push } from '../opened.ts'
import { type Bench, switchOf } from './bench.ts'

const MIB = 1024 * 1024

export function describeWriting({ specimen, server, fresh, open }: Bench): void {
  test('takes an image, gives it back, and finds it under its tag', async () => {
    const repository = fresh()
    const { endpoint, ctx } = await open()
    await prepared(endpoint, repository, ctx)
    const artifact = image({ seed: repository })
    await push(endpoint, repository, 'v1', artifact, ctx)
    const store = endpoint.adapter.repository(repository)
    expect((await store.resolve('v1', ctx))?.digest).toBe(artifact.digest)
    expect(Buffer.from((await store.readManifest('v1', ctx)).bytes)).toEqual(Buffer.from(artifact.bytes))
    for (const [digest, bytes] of artifact.blobs) {
      const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
      expect(await store.hasBlob(blob, ctx)).toBe(true)
      expect(await contentOf(await store.readBlob(blob, 0, ctx))).toEqual(bytes)
    }
    expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v1', artifact.digest]])
  })

  test('creates what must be there before a push, also twice', async () => {
    const repository = fresh()
    const { endpoint, ctx } = await open()
    await prepared(endpoint, repository, ctx)
    await prepared(endpoint, repository, ctx)
    const { adapter } = endpoint
    expect({ repository: Boolean(adapter.ensureRepository), namespace: Boolean(adapter.ensureNamespace) }).toEqual({
      repository: specimen.create === 'repository' || specimen.create === 'both',
      namespace: specimen.create === 'namespace' || specimen.create === 'both',
    })
  })

  const { creation } = specimen
  if (creation && !specimen.real)
    test('is content with a namespace that somebody else created after it had looked', async () => {
      const [first, second] = [await open(), await open()]
      await first.endpoint.adapter.ensureNamespace?.(creation.namespace, { public: false }, first.ctx)
      // One lookup may be several requests.
      switchOf(server(), 'fault')(creation.lookup, creation.absent, 2)
      await second.endpoint.adapter.ensureNamespace?.(creation.namespace, { public: false }, second.ctx)
    })

  if (!specimen.real) {
    test('stores a blob whose upload breaks off twice', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      const store = endpoint.adapter.repository(repository)
      const bytes = randomBytes(12 * MIB, repository)
      // The first request is sent again, signed.
      const small = bytes.subarray(0, 100)
      await store.writeBlob(named(small), async (offset) => bytesOf(small.subarray(offset)), ctx)
      const begun = (): number =>
        switchOf(server(), 'requests')().filter((line) => /^POST .*\/blobs\/uploads\//.test(line)).length
      const before = begun()
      switchOf(server(), 'fault')(/^(PUT|PATCH) .*\/uploads\//, { resetAfter: 2 * MIB }, 2)
      await store.writeBlob(named(bytes), async (offset) => bytesOf(bytes.subarray(offset)), ctx)
      expect((await contentOf(await store.readBlob(named(bytes), 0, ctx))).equals(bytes)).toBe(true)
      expect(begun() - before).toBe(specimen.restarts ? 3 : 1)
    })

    test('takes a blob as stored where only the answer to its upload was lost', async () => {
      const repository = fresh()
      const { endpoint, ctx } = await open()
      await prepared(endpoint, repository, ctx)
      switchOf(server(), 'fault')(/^PUT .*\/uploads\/.*digest=/, { loseAnswer: true })
      await push(endpoint, repository, 'v1', image({ seed: repository }), ctx)
      expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(1)
    })
  }

  test('says beforehand what can be deleted, as far as it knows', async () => {
    const repository = fresh()
    const { endpoint, ctx } = await open()
    await prepared(endpoint, repository, ctx)
    await push(endpoint, repository, 'v1', image({ seed: repository }), ctx)
    const { deletes } = endpoint.adapter.repository(repository)
    const expected = specimen.deleteTag !== false ? 'tag' : specimen.deleteManifest !== false ? 'manifest' : 'nothing'
    expect([expected, 'unknown']).toContain((await deletes?.(ctx)) ?? 'tag')
  })

  test('deletes a tag and leaves the others; what is gone is deleted already', async () => {
    const repository = fresh()
    const { endpoint, ctx } = await open()
    await prepared(endpoint, repository, ctx)
    const artifact = image({ seed: repository })
    for (const tag of ['v1', 'v2']) await push(endpoint, repository, tag, artifact, ctx)
    const store = endpoint.adapter.repository(repository)
    if (specimen.deleteTag === false) {
      if (store.deleteTag) await expect(store.deleteTag('v1', ctx)).rejects.toSatisfy(isRefusal)
      expect(await digestsIn(endpoint, repository, ctx)).toHaveLength(2)
      return
    }
    await store.deleteTag?.('v1', ctx)
    expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', artifact.digest]])
    await store.deleteTag?.('v1', ctx)
    expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', artifact.digest]])
  })

  test('deletes a manifest with all its tags; one that is gone is deleted already', async () => {
    const repository = fresh()
    const { endpoint, ctx } = await open()
    await prepared(endpoint, repository, ctx)
    const [gone, kept] = [image({ seed: `${repository} gone` }), image({ seed: `${repository} kept` })]
    await push(endpoint, repository, 'v1', gone, ctx)
    await push(endpoint, repository, 'also', gone, ctx)
    await push(endpoint, repository, 'v2', kept, ctx)
    const store = endpoint.adapter.repository(repository)
    if (specimen.deleteManifest === false) {
      if (store.deleteManifest) await expect(store.deleteManifest(gone.digest, ctx)).rejects.toSatisfy(isRefusal)
      return
    }
    await store.deleteManifest?.(gone.digest, ctx)
    expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', kept.digest]])
    await store.deleteManifest?.(gone.digest, ctx)
    expect(await digestsIn(endpoint, repository, ctx)).toEqual([['v2', kept.digest]])
    await endpoint.adapter.repository(fresh()).deleteManifest?.(gone.digest, ctx)
  })
}

function isRefusal(error: unknown): boolean {
  return error instanceof UnsupportedError || error instanceof RegistryError
}
