/** Opens Pulp: content from its registry, and through its API tags with their digests, and deletes of tags. */

import type { Adapter, AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { UnsupportedError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { listedOrNamed, tagInfo } from '../told.ts'
import { lookedFor, openPulp, type PulpApi } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const pulp = openPulp(registry, tools)

  async function* listTags(repository: string, ctx: Context): AsyncIterable<TagInfo | string> {
    const store = adapter.repository(repository)
    if (await pulp.isThere(ctx)) yield* listedOrNamed(infosOf(repository, pulp, ctx), store, 'the API of Pulp', ctx)
    else yield* store.tags(ctx)
  }

  return {
    ...adapter,
    listTags,
    repository: (name) => pulpRepository(adapter.repository(name), name, pulp),
  }
}

async function* infosOf(repository: string, pulp: PulpApi, ctx: Context): AsyncIterable<TagInfo | string> {
  for await (const { tag, ...told } of pulp.tags(repository, ctx)) yield tagInfo(tag, told)
}

/** The registry deletes only by digest, and later than it says. */
function pulpRepository(store: ContentStore, name: string, pulp: PulpApi): ContentStore {
  return {
    ...store,
    deletes: async (ctx) => ((await pulp.isThere(ctx)) ? 'tag' : 'manifest'),
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      if (!(await pulp.isThere(ctx))) {
        throw new UnsupportedError(
          `the registry of Pulp deletes only manifests with all their tags, not ${name}:${tag}`,
          {
            hint: 'set `options: { api_url: … }` to the address of its API',
          },
        )
      }
      if (await store.resolve(tag, ctx)) await pulp.untag(name, tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      await store.deleteManifest?.(digest, ctx)
      await lookedFor(`delete ${name}@${digest}`, ctx, async () => !(await store.resolve(digest, ctx)))
    },
  }
}
