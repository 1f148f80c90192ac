/** Opens Tencent Container Registry: content from an instance's registry, lists, namespaces and deletes through Tencent Cloud's API. */

import type { Adapter, AdapterTools, SignInTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { tagInfo, tagsAt } from '../told.ts'
import { openTcr, type Tcr, tencentKey } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const tcr = openTcr(registry, tools.api, tools.credential)
  return {
    ...adapter,
    repository: (name) => tcrRepository(adapter.repository(name), name, tcr),
    async *namespaces(ctx) {
      yield* await tcr.namespaces(ctx)
    },
    // Without the key only a push tells what there is.
    async ensureNamespace(namespace, options, ctx) {
      if (await tcr.hasKey()) await tcr.ensureNamespace(namespace.split('/', 1)[0] ?? '', options, ctx)
    },
    async *repositories(wanted, ctx) {
      yield* (await tcr.hasKey()) ? listRepositories(wanted, tcr, ctx) : (adapter.repositories?.(wanted, ctx) ?? [])
    },
    listTags: (name, ctx) => listTags(name, tcr, adapter.repository(name), ctx),
  }
}

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  const { origin } = found
  if (tencentKey(found)) {
    return { kind: 'basic', origin, ...(await openTcr(registry, api, async () => found).token(ctx)) }
  }
  if (found.kind === 'basic' || found.kind === 'anonymous') return found
  throw new CredentialError(`Tencent Cloud takes no credential such as the one for ${registry.name} from ${origin}`, {
    hint: 'give a SecretId with its SecretKey as `type: access_key`, or the user and password of `docker login`',
  })
}

async function* listRepositories(wanted: Wanted, tcr: Tcr, ctx: Context): AsyncIterable<string> {
  const tops = topsOf(wanted)
  // Beyond a few, one list of the whole instance costs less.
  if (!tops || tops.length > MOST_NAMESPACES) return yield* tcr.repositories(undefined, ctx)
  for (const namespace of tops) {
    try {
      yield* tcr.repositories(namespace, ctx)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

const MOST_NAMESPACES = 10

/** By the API; just the names, by the registry, where the API may not be asked. */
async function* listTags(
  repository: string,
  tcr: Tcr,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  if (!(await tcr.hasKey())) return yield* store.tags(ctx)
  let isListed = false
  try {
    for await (const { ImageVersion: tag, Digest: digest, UpdateTime: pushed } of tcr.images(repository, ctx)) {
      isListed = true
      yield tagInfo(tag, { digest, pushed })
    }
  } catch (error) {
    if (isListed || !(error instanceof RegistryError) || error.status !== 403) throw error
    const text = `${repository}: Tencent Cloud's API may not be asked, so the registry lists the tags: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
    isListed = true
    yield* store.tags(ctx)
  }
  // The API may not tell a repository without tags from one that does not exist.
  if (!isListed) yield* store.tags(ctx)
}

/** Only the API deletes just a tag. The registry deletes what has none. */
function tcrRepository(store: ContentStore, name: string, tcr: Tcr): ContentStore {
  async function needKey(): Promise<void> {
    if (await tcr.hasKey()) return
    throw new UnsupportedError(`nothing is deleted from ${name} with the password of \`docker login\``, {
      hint: 'give a SecretId with its SecretKey as `type: access_key`',
    })
  }
  return {
    ...store,
    deletes: async () => ((await tcr.hasKey()) ? 'tag' : 'nothing'),
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await needKey()
      await tcr.deleteTag(name, tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      await needKey()
      const tags = await tagsAt(digest, listTags(name, tcr, store, ctx), store, ctx)
      for (const tag of tags) await tcr.deleteTag(name, tag, ctx)
      if (tags.length === 0) await store.deleteManifest?.(digest, ctx)
    },
  }
}
