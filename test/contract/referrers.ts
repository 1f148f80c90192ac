/** What every store does with referrers. */

import { describe, expect, it } from 'vitest'
import { artifact, cosignSignature, fallbackTag, image, index, named, referrer } from '../support/images.ts'
import { context, openOf, referrersOf, write } from './content.ts'
import type { Suite } from './store.ts'

export function describeReferrers({ fresh }: Suite): void {
  describe('referrers', () => {
    it('are found by their subject, each once', async () => {
      const store = fresh()
      const subject = image()
      await write(store, subject, '1.0')
      const first = referrer(subject.descriptor, { artifactType: 'application/vnd.example.sbom' })
      const second = referrer(subject.descriptor, { artifactType: 'application/vnd.example.scan' })
      for (const one of [first, second, first]) await write(store, one)
      const found = await referrersOf(store, subject.descriptor)
      expect(found.map(({ digest }) => digest)).toEqual([first.digest, second.digest].sort())
      expect(found.find(({ digest }) => digest === first.digest)).toMatchObject({
        mediaType: first.mediaType,
        size: first.bytes.byteLength,
        artifactType: 'application/vnd.example.sbom',
      })
    })

    it('are found when many are written at once', async () => {
      const store = fresh()
      const subject = image()
      await write(store, subject, '1.0')
      const all = Array.from({ length: 8 }, (_, at) => referrer(subject.descriptor, { content: `sbom ${at}` }))
      // What they share is there before: distribution 2.8 trips over one blob that is written twice at once, which no transfer does.
      for (const [, bytes] of all.flatMap(({ blobs }) => [...blobs]))
        await store.writeBlob(named(bytes), openOf(bytes), context)
      await Promise.all(
        all.map(({ mediaType, digest, bytes }) => store.writeManifest({ mediaType, digest, bytes }, digest, context)),
      )
      const found = await referrersOf(store, subject.descriptor)
      expect(found.map(({ digest }) => digest)).toEqual(all.map(({ digest }) => digest).sort())
    })

    it('are found when they were there before their subject', async () => {
      const store = fresh()
      const subject = image()
      const sbom = referrer(subject.descriptor)
      await write(store, sbom)
      await write(store, subject, '1.0')
      expect(await referrersOf(store, subject.descriptor)).toMatchObject([{ digest: sbom.digest }])
    })

    it('are none where there are none', async () => {
      const store = fresh()
      const subject = image()
      await write(store, subject, '1.0')
      expect(await referrersOf(store, subject.descriptor)).toEqual([])
    })

    it('that cosign hangs on a tag are found with it', async () => {
      const store = fresh()
      const subject = image()
      await write(store, subject, '1.0')
      const signature = cosignSignature(subject.descriptor)
      await write(store, signature.artifact, signature.tag)
      expect(await referrersOf(store, subject.descriptor)).toMatchObject([
        { digest: signature.artifact.digest, tag: signature.tag },
      ])
    })

    it('in the index of the fallback tag are found', async () => {
      const store = fresh()
      const subject = image()
      const sbom = artifact({ content: 'only the index says so' })
      await write(store, subject, '1.0')
      await write(store, index([sbom]), fallbackTag(subject.digest))
      const found = await referrersOf(store, subject.descriptor)
      expect(found.map(({ digest }) => digest)).toEqual([sbom.digest])
    })
  })
}
