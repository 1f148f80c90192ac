/** A repository of Azure's registry: its tags by its own API, and every refusal told for what it is. */

import { randomBytes } from 'node:crypto'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import { listTags } from './listing.ts'
import { type Acr, told, toldOf } from './refusals.ts'

export function acrRepository(store: ContentStore, name: string, acr: Acr): ContentStore {
  const { referrers, deleteManifest } = store
  return {
    ...store,
    async *tags(ctx) {
      for await (const { tag } of listTags(name, false, acr, ctx)) if (tag !== undefined) yield tag
    },
    resolve: (reference, ctx) => told(store.resolve(reference, ctx), 'pull', name, acr, ctx),
    readManifest: (reference, ctx) => told(store.readManifest(reference, ctx), 'pull', name, acr, ctx),
    readBlob: (blob, offset, ctx) => told(store.readBlob(blob, offset, ctx), 'pull', name, acr, ctx),
    hasBlob: (blob, ctx) => told(store.hasBlob(blob, ctx), 'pull', name, acr, ctx),
    ...(referrers ? { referrers: (subject, ctx) => toldOf(referrers(subject, ctx), 'pull', name, acr, ctx) } : {}),
    writeBlob: (blob, open, ctx, checkpoint) =>
      told(store.writeBlob(blob, open, ctx, checkpoint), 'push', name, acr, ctx),
    writeManifest: (manifest, reference, ctx) =>
      told(store.writeManifest(manifest, reference, ctx), 'push', name, acr, ctx),
    // Below /v2/ it is not documented that the manifest stays.
    async deleteTag(tag, ctx) {
      // A digest here would be another resource.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await told(untag(name, tag, acr, ctx), 'delete', name, acr, ctx)
    },
    async deletes(ctx) {
      const probe = `replicate-probe-${randomBytes(8).toString('hex')}`
      try {
        await told(untag(name, probe, acr, ctx), 'delete', name, acr, ctx)
        return 'tag'
      } catch (error) {
        // Not allowed, or locked.
        if (error instanceof RegistryError && (error.status === 403 || error.status === 405)) return 'nothing'
        throw error
      }
    },
    ...(deleteManifest
      ? { deleteManifest: (digest, ctx) => told(deleteManifest(digest, ctx), 'delete', name, acr, ctx) }
      : {}),
  }
}

/** One that is not there is deleted already. */
async function untag(name: string, tag: string, acr: Acr, ctx: Context): Promise<void> {
  const url = `/acr/v1/${name}/_tags/${tag}`
  const scopes = [`repository:${name}:delete`]
  const response = await acr.http().request({ method: 'DELETE', url, scopes, expect: [200, 202, 404] }, ctx)
  await response.discard()
}
