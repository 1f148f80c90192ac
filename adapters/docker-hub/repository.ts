/** A repository of Docker Hub: deletes go through its API, immutable tags are named. */

import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { restated } from '../../src/oci/restate.ts'
import { explained, type HubApi } from './api.ts'

type ListTags = (ctx: Context) => AsyncIterable<TagInfo | string>

export function hubRepository(store: ContentStore, name: string, api: HubApi, listTags: ListTags): ContentStore {
  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const url = `/v2/repositories/${name}/tags/${encodeURIComponent(tag)}/`
    const response = await explained(api.http.request({ method: 'DELETE', url }, ctx), '"Read, Write & Delete"')
    await response.discard()
  }
  return {
    ...store,
    deleteTag,
    deletes: async () => 'tag',
    // Its registry refuses a manifest that still has a tag (403).
    async deleteManifest(digest, ctx) {
      for await (const info of listTags(ctx)) {
        if (typeof info !== 'string' && info.digest === digest && info.tag !== undefined) await deleteTag(info.tag, ctx)
      }
      await store.deleteManifest?.(digest, ctx)
    },
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        if (!(error instanceof RegistryError) || !/immutable/i.test(error.message)) throw error
        throw restated(
          error,
          error.message,
          'the repository has immutable tags: exclude the tag or set override: false',
        )
      }
    },
  }
}
