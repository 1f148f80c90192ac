/** An image of Artifact Registry: tags go before their manifest, and refusals name the role that is missing. */

import type { ContentStore } from '../../src/core/content.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { Gar } from './api.ts'
import { explained, hinted } from './refusals.ts'
import { listTags } from './tags.ts'

export function garRepository(store: ContentStore, name: string, gar: Gar): ContentStore {
  const { deleteTag, deleteManifest } = store
  return {
    ...store,
    async *tags(ctx) {
      for await (const info of listTags(name, gar, ctx)) {
        if (typeof info === 'string') yield info
        else if (info.tag !== undefined) yield info.tag
      }
    },
    resolve: (reference, ctx) => explained(store.resolve(reference, ctx)),
    readManifest: (reference, ctx) => explained(store.readManifest(reference, ctx)),
    readBlob: (blob, offset, ctx) => explained(store.readBlob(blob, offset, ctx)),
    hasBlob: (blob, ctx) => explained(store.hasBlob(blob, ctx)),
    writeBlob: (blob, open, ctx, checkpoint) => explained(store.writeBlob(blob, open, ctx, checkpoint)),
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        // An immutable tag refuses what it points at already, too.
        const isImmutable = error instanceof RegistryError && /immutab|FAILED_PRECONDITION/i.test(error.message)
        if (isImmutable && (await store.resolve(reference, ctx))?.digest === manifest.digest) return
        throw hinted(error)
      }
    },
    ...(deleteTag ? { deleteTag: (tag, ctx) => explained(deleteTag(tag, ctx)) } : {}),
    // While a tag names it, it cannot go: GOOGLE_MANIFEST_DANGLING_TAG.
    async deleteManifest(digest, ctx) {
      for await (const info of listTags(name, gar, ctx)) {
        if (typeof info === 'string' || info.digest !== digest || info.tag === undefined) continue
        await explained(deleteTag?.(info.tag, ctx) ?? Promise.resolve())
      }
      await explained(deleteManifest?.(digest, ctx) ?? Promise.resolve())
    },
  }
}
