/** One repository: read and written below `/v2/`, its tags deleted by the API, and every refusal told for what it is. */

import { randomBytes } from 'node:crypto'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import { doing, restated } from '../../src/oci/registry/restate.ts'
import { type Harbor, projectOf, type Right } from './harbor.ts'
import { artifactsUrl } from './listing.ts'
import { hinted, isImmutable, missesChild } from './refusals.ts'

export function harborRepository(harbor: Harbor, name: string, store: ContentStore): ContentStore {
  async function told<T>(right: Right, work: Promise<T>, ctx: Context): Promise<T> {
    try {
      return await work
    } catch (error) {
      throw hinted(await harbor.meaning(error, name, right, ctx))
    }
  }
  async function* toldOf<T>(items: AsyncIterable<T>, ctx: Context): AsyncIterable<T> {
    try {
      yield* items
    } catch (error) {
      throw await harbor.meaning(error, name, 'pull', ctx)
    }
  }
  const { referrers } = store
  return {
    ...store,
    tags: (ctx) => toldOf(store.tags(ctx), ctx),
    ...(referrers ? { referrers: (subject, ctx) => toldOf(referrers(subject, ctx), ctx) } : {}),
    resolve: (reference, ctx) => unless(told('pull', store.resolve(reference, ctx), ctx), undefined),
    hasBlob: (blob, ctx) => unless(told('pull', store.hasBlob(blob, ctx), ctx), false),
    readManifest: (reference, ctx) => told('pull', store.readManifest(reference, ctx), ctx),
    readBlob: (blob, offset, ctx) => told('pull', store.readBlob(blob, offset, ctx), ctx),
    writeBlob: (blob, open, ctx, checkpoint) => told('push', store.writeBlob(blob, open, ctx, checkpoint), ctx),
    async writeManifest(manifest, reference, ctx) {
      try {
        await told('push', store.writeManifest(manifest, reference, ctx), ctx)
      } catch (error) {
        if (missesChild(error)) {
          const { method, path, hint } = error
          const codes = ['MANIFEST_BLOB_UNKNOWN']
          throw new RegistryError(error.message, { status: 400, method, path, codes, hint, cause: error })
        }
        // An immutable tag refuses what it points at already, too.
        if (!isImmutable(error) || (await store.resolve(reference, ctx))?.digest !== manifest.digest) throw error
      }
    },
    async deleteTag(tag, ctx) {
      // A digest here would delete all its tags.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await deleteTag(harbor, name, tag, ctx)
    },
    async deletes(ctx) {
      try {
        await deleteTag(harbor, name, `replicate-probe-${randomBytes(8).toString('hex')}`, ctx)
        return 'tag'
      } catch (error) {
        if (error instanceof RegistryError && error.status === 403) return 'nothing'
        throw error
      }
    },
    deleteManifest: (digest, ctx) => told('delete', store.deleteManifest?.(digest, ctx) ?? Promise.resolve(), ctx),
  }
}

/** Just the tag. Below `/v2/` Harbor deletes by digest alone, and by a tag's artifact would go with all its tags. */
async function deleteTag(harbor: Harbor, repository: string, tag: string, ctx: Context): Promise<void> {
  const url = `${artifactsUrl(repository)}/${tag}/tags/${tag}`
  const request = { method: 'DELETE', url, expect: [200, 404] } as const
  try {
    const response = await doing(`delete ${repository}:${tag}`, harbor.http.request(request, ctx))
    await response.discard()
  } catch (error) {
    if (error instanceof CredentialError) throw await harbor.meaning(error, repository, 'delete', ctx)
    if (!(error instanceof RegistryError) || error.status !== 403 || hinted(error) !== error) throw hinted(error)
    const hint = `make the user at least Maintainer of project ${projectOf(repository)}, or give the robot account the permission delete of tag`
    throw restated(error, `${await harbor.who()} ${error.message}`, hint)
  }
}

/** `absent` for what is not there because its project is not. */
async function unless<T>(work: Promise<T>, absent: T): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (isNotFound(error)) return absent
    throw error
  }
}
