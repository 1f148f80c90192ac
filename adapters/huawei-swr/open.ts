/** Opens SWR: content from the registry, lists, organizations and deletes through its API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedStore } from '../explain.ts'
import { listedOrNamed, tagInfo, tagsAt } from '../told.ts'
import { openSwr, type Swr } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const swr = openSwr(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      await adapter.ping(ctx)
      await swr.check(ctx)
    },
    repository: (name) => swrRepository(adapter.repository(name), name, swr),
    async *namespaces(ctx) {
      yield* await swr.organizations(ctx)
    },
    ensureNamespace: (namespace, _options, ctx) => swr.ensureOrganization(namespace.split('/', 1)[0] ?? '', ctx),
    repositories: (wanted, ctx) => listRepositories(wanted, swr, ctx),
    listTags: (name, ctx) => listTags(name, swr, explained(adapter.repository(name), name, swr), ctx),
  }
}

async function* listRepositories(wanted: Wanted, swr: Swr, ctx: Context): AsyncIterable<string> {
  const tops = topsOf(wanted)
  // Without a key there is one list, whichever organizations are wanted; beyond a few it costs less.
  if (!tops || tops.length > MOST_ORGANIZATIONS || !(await swr.hasKey())) yield* swr.repositories(undefined, ctx)
  else for (const organization of tops) yield* swr.repositories(organization, ctx)
}

const MOST_ORGANIZATIONS = 10

async function* listTags(
  repository: string,
  swr: Swr,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  if (await swr.hasKey()) yield* listedOrNamed(infosOf(repository, swr, ctx), store, "SWR's API", ctx)
  else yield* store.tags(ctx)
}

async function* infosOf(repository: string, swr: Swr, ctx: Context): AsyncIterable<TagInfo | string> {
  for await (const { Tag, digest, updated } of swr.tags(repository, ctx))
    yield tagInfo(Tag, { digest, pushed: updated })
}

/** What belongs to a missing organization is missing, too. */
function explained(plain: ContentStore, name: string, swr: Swr): ContentStore {
  const store = explainedStore(plain, (error, _right, ctx) => swr.meaning(error, name, ctx))
  const absent = (error: unknown): undefined => {
    if (!isNotFound(error)) throw error
  }
  return {
    ...store,
    resolve: (reference, ctx) => store.resolve(reference, ctx).catch(absent),
    hasBlob: async (blob, ctx) => (await store.hasBlob(blob, ctx).catch(absent)) ?? false,
  }
}

/** With a key tags are deleted through the API, which deletes just the tag; the registry deletes what has none. */
function swrRepository(plain: ContentStore, name: string, swr: Swr): ContentStore {
  const store = explained(plain, name, swr)
  return {
    ...store,
    deletes: async (ctx) => ((await swr.hasKey()) ? 'tag' : ((await store.deletes?.(ctx)) ?? 'tag')),
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      if (await swr.hasKey()) await swr.deleteTag(name, tag, ctx)
      else await store.deleteTag?.(tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      const tags = (await swr.hasKey()) ? await tagsAt(digest, listTags(name, swr, store, ctx), store, ctx) : []
      for (const tag of tags) await swr.deleteTag(name, tag, ctx)
      if (tags.length === 0) await store.deleteManifest?.(digest, ctx)
    },
  }
}
