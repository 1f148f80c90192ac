/** Opens Mirantis Secure Registry: content from the registry, lists, accounts, repositories and deletes through its API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, UnsupportedError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedStore } from '../explain.ts'
import { listedOrNamed, tagInfo, tagsAt } from '../told.ts'
import { type Dtr, hinted, isCertain, openDtr } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const dtr = openDtr(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      await adapter.ping(ctx)
      if (await dtr.isSignedIn()) await dtr.check(ctx)
    },
    repository: (name) => dtrRepository(adapter.repository(name), name, dtr),
    namespaces: (ctx) => dtr.accounts(ctx),
    // Anonymous access creates nothing: the push tells.
    async ensureNamespace(namespace, _options, ctx) {
      if (await dtr.isSignedIn()) await dtr.ensureOrganization(namespace.split('/', 1)[0] ?? '', ctx)
    },
    async ensureRepository(repository, options, ctx) {
      if (await dtr.isSignedIn()) await dtr.ensureRepository(repository, options.public, ctx)
    },
    repositories: (wanted, ctx) => listRepositories(wanted, dtr, ctx),
    listTags: (name, ctx) => listTags(name, dtr, adapter.repository(name), ctx),
  }
}

async function* listRepositories(wanted: Wanted, dtr: Dtr, ctx: Context): AsyncIterable<string> {
  if (!(await dtr.isSignedIn())) {
    throw new UnsupportedError('Mirantis Secure Registry lists nothing to anonymous access', {
      hint: "give repository names in the policy's name filter, or a credential",
    })
  }
  const tops = topsOf(wanted)
  // Beyond a few, one list of all costs less.
  if (!tops || tops.length > MOST_ACCOUNTS) return yield* dtr.repositories(undefined, ctx)
  for (const account of tops) {
    try {
      yield* dtr.repositories(account, ctx)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

const MOST_ACCOUNTS = 10

async function* listTags(
  repository: string,
  dtr: Dtr,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const infos = infosOf(repository, dtr, ctx)
  if (await dtr.isSignedIn()) yield* listedOrNamed(infos, store, 'the API of Mirantis Secure Registry', ctx)
  else yield* store.tags(ctx)
}

async function* infosOf(repository: string, dtr: Dtr, ctx: Context): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  for await (const tag of dtr.tags(repository, ctx)) {
    const { name, digest, updatedAt: pushed } = tag
    if (seen.has(name)) continue
    seen.add(name)
    yield isCertain(tag) ? tagInfo(name, { digest, pushed, mediaType: tag.manifest?.mediaType }) : name
  }
}

/** Only the API deletes just a tag. */
function dtrRepository(plain: ContentStore, name: string, dtr: Dtr): ContentStore {
  const store = explainedStore(plain, hinted)
  return {
    ...store,
    deletes: async () => 'tag',
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await dtr.deleteTag(name, tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      const tags = await tagsAt(digest, listTags(name, dtr, plain, ctx), plain, ctx)
      for (const tag of tags) await dtr.deleteTag(name, tag, ctx)
      // Of a repository that does not exist the registry gives no token.
      if (tags.length === 0 && (await dtr.hasRepository(name, ctx))) await store.deleteManifest?.(digest, ctx)
    },
  }
}
