/** A repository of Docker Hub: deletes go through its API. */

import type { TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { explained, type HubApi } from './api.ts'

type ListTags = (ctx: Context) => AsyncIterable<TagInfo | string>

export function hubRepository(store: ContentStore, name: string, api: HubApi, listTags: ListTags): ContentStore {
  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const url = `/v2/repositories/${name}/tags/${encodeURIComponent(tag)}/`
    // 404: it is gone already.
    const request = { method: 'DELETE', url, expect: [200, 202, 204, 404] } as const
    const response = await explained(api.http.request(request, ctx), '"Read, Write & Delete"')
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
  }
}
