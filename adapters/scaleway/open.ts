/** Opens Scaleway Container Registry: content from the registry; with a key, lists, namespaces and deletes through the API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { listedOrNamed, tagInfo } from '../told.ts'
import { openScaleway, type Scaleway, type ScalewayTag } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const api = openScaleway(registry, tools)
  return {
    ...adapter,
    repository: (name) => taggedRepository(adapter.repository(name), name, api),
    namespaces: (ctx) => api.namespaces(ctx),
    async ensureNamespace(namespace, options, ctx) {
      if (await api.hasKey()) await api.ensureNamespace(namespace.split('/', 1)[0] ?? '', options.public, ctx)
    },
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}

async function* listRepositories(wanted: Wanted, api: Scaleway, ctx: Context): AsyncIterable<string> {
  for await (const namespace of topsOf(wanted) ?? api.namespaces(ctx)) yield* api.images(namespace, ctx)
}

async function* listTags(
  repository: string,
  api: Scaleway,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  if (await api.hasKey()) yield* listedOrNamed(infosOf(repository, api, ctx), store, "Scaleway's API", ctx)
  else yield* store.tags(ctx)
}

async function* infosOf(repository: string, api: Scaleway, ctx: Context): AsyncIterable<TagInfo | string> {
  for await (const { name, digest, updated_at: pushed } of api.tags(repository, ctx))
    yield tagInfo(name, { digest, pushed })
}

/** A tag is deleted by its id, which only the API tells. */
function taggedRepository(store: ContentStore, name: string, api: Scaleway): ContentStore {
  async function remove(wanted: (tag: ScalewayTag) => boolean, ctx: Context, tag?: string): Promise<number> {
    const ids: string[] = []
    try {
      for await (const one of api.tags(name, ctx, tag)) if (wanted(one)) ids.push(one.id)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    for (const id of ids) await api.removeTag(id, ctx)
    return ids.length
  }

  return {
    ...store,
    deletes: async (ctx) => ((await api.hasKey()) ? 'tag' : ((await store.deletes?.(ctx)) ?? 'tag')),
    async deleteTag(tag, ctx) {
      if (await api.hasKey()) await remove((one) => one.name === tag, ctx, tag)
      else await store.deleteTag?.(tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      const removed = (await api.hasKey()) ? await remove((one) => one.digest === digest, ctx) : 0
      if (removed === 0) await store.deleteManifest?.(digest, ctx)
    },
  }
}
