/** What every store does with manifests. */

import { describe, expect, it } from 'vitest'
import { isNotFound } from '../../src/core/errors.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import { type Artifact, artifact, image, index } from '../support/images.ts'
import { ABSENT, collect, context, rejection, write } from './content.ts'
import type { Suite } from './store.ts'

export function describeManifests({ fresh, repositories, limitations }: Suite): void {
  describe('manifests', () => {
    const kinds: Readonly<Record<string, () => Artifact>> = {
      'an OCI image': () => image({ seed: 'oci' }),
      'an image without layers': () => image({ seed: 'none', layers: 0 }),
      'an OCI index': () => index([image({ seed: 'a' }), image({ seed: 'b' })]),
      'an index of indexes': () => index([index([image({ seed: 'deep' })]), image({ seed: 'flat' })]),
      'an empty index': () => index([]),
      'an artifact with a type of its own': () => artifact(),
    }
    const cache: typeof kinds = {
      'an index that names a blob': () => index([image({ seed: 'c' })], { blobs: [Buffer.from('cache')] }),
    }
    const docker: typeof kinds = {
      'a Docker image': () => image({ seed: 'docker', docker: true }),
      'a Docker list': () => index([image({ seed: 'docker 2', docker: true })], { docker: true }),
      'an OCI index of a Docker image': () => index([image({ seed: 'mixed', docker: true })]),
    }

    it('with a sha512 digest keep it under a tag', async () => {
      const store = fresh()
      const one = image({ seed: 'sha512' })
      const digest = computeDigest(one.bytes, 'sha512')
      const writing = write(store, { ...one, digest }, '1.0')
      if (limitations.sha512 === false) {
        await rejection(writing)
        return
      }
      await writing
      expect(await store.resolve('1.0', context)).toMatchObject({ digest })
      expect(Buffer.from((await store.readManifest('1.0', context)).bytes)).toEqual(Buffer.from(one.bytes))
    })

    it.each(
      Object.entries({
        ...kinds,
        ...(limitations.blobsInIndex === false ? {} : cache),
        ...(limitations.dockerTypes === false ? {} : docker),
      }),
    )('keeps %s byte for byte, by tag and by digest', async (_kind, make) => {
      const store = fresh()
      const written = make()
      await write(store, written, '1.0')
      const { mediaType, digest, bytes } = written
      for (const reference of ['1.0', digest]) {
        expect(await store.resolve(reference, context)).toMatchObject({ mediaType, digest, size: bytes.byteLength })
        const read = await store.readManifest(reference, context)
        expect({ ...read, bytes: Buffer.from(read.bytes) }).toEqual({ mediaType, digest, bytes })
      }
    })

    if (limitations.dockerTypes === false) {
      it('refuses a Docker image', async () => {
        await expect(write(fresh(), image({ docker: true }), '1.0')).rejects.toMatchObject({ status: 415 })
      })
    }

    if (limitations.blobsInIndex === false) {
      it.each(Object.entries(cache))('refuses %s', async (_kind, make) => {
        await expect(write(fresh(), make(), '1.0')).rejects.toMatchObject({ status: 400 })
      })
    }

    it('resolves to nothing what is not there', async () => {
      const [store, empty] = repositories()
      await write(store, image(), '1.0')
      for (const reference of ['2.0', ABSENT.digest]) {
        expect(await store.resolve(reference, context)).toBeUndefined()
        expect(await empty.resolve(reference, context)).toBeUndefined()
      }
    })

    it('says 404 when a manifest is read that is not there', async () => {
      const [store, empty] = repositories()
      await write(store, image(), '1.0')
      for (const reference of ['2.0', ABSENT.digest]) {
        expect(await rejection(store.readManifest(reference, context))).toSatisfy(isNotFound)
        expect(await rejection(empty.readManifest(reference, context))).toSatisfy(isNotFound)
      }
    })

    it('may be written twice, and moves a tag to what was written last', async () => {
      const store = fresh()
      const [first, second] = [image({ seed: 1 }), image({ seed: 2 })]
      for (const one of [first, first, second, second]) await write(store, one, 'latest')
      expect(await store.resolve('latest', context)).toMatchObject({ digest: second.digest })
      const before = await store.resolve(first.digest, context)
      expect(before?.digest).toBe(limitations.outlivesTags === false ? undefined : first.digest)
      expect(await collect(store.tags(context))).toEqual(['latest'])
    })

    it('written by digest has no tag', async () => {
      const store = fresh()
      const [tagged, untagged] = [image({ seed: 1 }), image({ seed: 2 })]
      await write(store, tagged, '1.0')
      await write(store, untagged)
      expect(await collect(store.tags(context))).toEqual(['1.0'])
      expect(await store.resolve(untagged.digest, context)).toMatchObject({ digest: untagged.digest })
    })
  })
}
