/** Opens Volcengine Container Registry: content from the registry, lists, namespaces, repositories and deletes through its API. */

import type { Adapter, AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { listedOrNamed, tagInfo, tagsAt } from '../told.ts'
import { type Instance, openInstance } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const instance = openInstance(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      await instance.check(ctx)
      try {
        await adapter.ping(ctx)
      } catch (error) {
        throw await instance.unreachable(error, ctx)
      }
    },
    repository: (name) => instanceRepository(adapter.repository(name), name, instance),
    namespaces: (ctx) => instance.namespaces(ctx),
    // Without a key only the push tells what there is.
    async ensureNamespace(namespace, _options, ctx) {
      if (await instance.hasKey()) await instance.ensureNamespace(namespace.split('/', 1)[0] ?? '', ctx)
    },
    async ensureRepository(repository, options, ctx) {
      if (await instance.hasKey()) await instance.ensureRepository(repository, options.public, ctx)
    },
    repositories: (wanted, ctx) => instance.repositories(few(topsOf(wanted)), ctx),
    listTags: (name, ctx) => listTags(name, instance, adapter.repository(name), ctx),
  }
}

/** A filter that is too long may be refused: then all are listed. */
function few(namespaces: readonly string[] | undefined): readonly string[] | undefined {
  return namespaces && namespaces.length <= MOST_NAMESPACES ? namespaces : undefined
}

const MOST_NAMESPACES = 20

async function* listTags(
  repository: string,
  instance: Instance,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const infos = infosOf(repository, instance, ctx)
  if (await instance.hasKey()) yield* listedOrNamed(infos, store, "Volcengine's API", ctx)
  else yield* store.tags(ctx)
}

async function* infosOf(repository: string, instance: Instance, ctx: Context): AsyncIterable<TagInfo | string> {
  for await (const { Name, Digest, PushTime } of instance.tags(repository, ctx)) {
    yield tagInfo(Name, { digest: Digest, pushed: PushTime })
  }
}

/** With a key tags are deleted through the API, which deletes just the tag; the registry deletes what has none. */
function instanceRepository(store: ContentStore, name: string, instance: Instance): ContentStore {
  return {
    ...store,
    deletes: async (ctx) => ((await instance.hasKey()) ? 'tag' : ((await store.deletes?.(ctx)) ?? 'tag')),
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      if (await instance.hasKey()) await instance.deleteTags(name, [tag], ctx)
      else await store.deleteTag?.(tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      const hasKey = await instance.hasKey()
      const tags = hasKey ? await tagsAt(digest, listTags(name, instance, store, ctx), store, ctx) : []
      await instance.deleteTags(name, tags, ctx)
      if (tags.length === 0) await store.deleteManifest?.(digest, ctx)
    },
  }
}
