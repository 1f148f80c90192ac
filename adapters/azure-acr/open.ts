/** Opens Azure Container Registry: content from the registry, lists and deletes of tags through its own API. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { CredentialError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { explainedStore } from '../explain.ts'
import { type Acr, hinted, openAcr, rulesOf } from './api.ts'

/** Larger bodies than some 20 MB are refused with 413: https://github.com/goharbor/harbor/issues/23015 */
const CHUNK = 16 * 1024 * 1024

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, { upload: { strategy: 'put', putLimit: CHUNK, chunk: CHUNK } })
  const acr = openAcr(registry.name, tools.http, adapter.ping)
  return {
    ...adapter,
    async ping(ctx) {
      try {
        await adapter.ping(ctx)
      } catch (error) {
        // Anonymous pull may still be open: only a repository tells.
        if (error instanceof CredentialError && error.missing) return
        throw hinted(error)
      }
    },
    repository: (name) => acrRepository(adapter.repository(name), name, acr),
    repositories: (_wanted, ctx) => acr.repositories(ctx),
    async *listTags(name, ctx, wanted) {
      yield* acr.tags(name, ctx)
      if (wanted?.untagged) yield* acr.untagged(name, ctx)
    },
    writeRules: async (name, ctx) => rulesOf(name, await acr.locks(name, ctx)),
  }
}

function acrRepository(store: ContentStore, name: string, acr: Acr): ContentStore {
  const own: ContentStore = {
    ...store,
    // Below /v2/ it is not documented that the manifest stays.
    async deleteTag(tag, ctx) {
      // A digest here would be another resource.
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await acr.untag(name, tag, ctx)
    },
    deletes: async (ctx) => ((await acr.locks(name, ctx)).delete ? 'nothing' : 'tag'),
  }
  return {
    ...explainedStore(own, (error, right, ctx) => acr.meaning(error, right, name, ctx)),
    async *tags(ctx) {
      for await (const { tag } of acr.tags(name, ctx)) yield tag
    },
  }
}
