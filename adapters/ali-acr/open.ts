/** Opens Alibaba Cloud Container Registry: content from the registry, lists, namespaces, repositories and deletes through the API. */

import type { Adapter, AdapterTools, SignInTools, TagInfo, Wanted, WriteRules } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import type { Digest } from '../../src/core/descriptor.ts'
import { CredentialError, isAbsent, isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { once, type Remembered, remembered } from '../../src/core/remembered.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { ensured } from '../ensured.ts'
import { tagInfo, tagsAt } from '../told.ts'
import { type AcrApi, alibabaKey, openAcrApi, refuseApi } from './api.ts'
import { type Edition, enterpriseEdition, personalEdition } from './editions.ts'

interface Acr {
  /** Undefined: there is no key, and only the registry can be used. */
  api(ctx: Context): Promise<Edition | undefined>
  /** Whether the repository is there, asked once. */
  readonly exists: Remembered<string, boolean>
  /** Repositories that the registry refused to list: they may not exist. */
  readonly hidden: Set<string>
}

export function open(registry: Registry, tools: AdapterTools): Adapter {
  refuseApi(registry)
  const adapter = ociRegistry(registry, tools)
  const api = openAcrApi(registry, tools.api, tools.credential)
  const edition = once((ctx) => editionOf(api, ctx))
  const acr: Acr = {
    api: async (ctx) => ((await api.hasKey()) ? edition(ctx) : undefined),
    exists: remembered(async (name: string, ctx) => (await edition(ctx)).hasRepository(name, ctx)),
    hidden: new Set(),
  }
  return {
    ...adapter,
    repository: (name) => acrRepository(adapter.repository(name), name, acr),
    async *namespaces(ctx) {
      yield* (await edition(ctx)).namespaces(ctx)
    },
    async ensureNamespace(namespace, { public: isPublic }, ctx) {
      const [name = ''] = namespace.split('/')
      const known = await acr.api(ctx)
      if (!known) return
      const exists = async (): Promise<boolean> => known.hasNamespace(name, ctx)
      await ensured(exists, () => known.createNamespace(name, isPublic, ctx), ctx)
    },
    ensureRepository: (name, options, ctx) => ensureRepository(name, options.public, acr, ctx),
    async *repositories(wanted, ctx) {
      const known = await acr.api(ctx)
      yield* known ? listRepositories(wanted, known, ctx) : (adapter.repositories?.(wanted, ctx) ?? [])
    },
    listTags: (name, ctx) => listTags(name, acr, adapter.repository(name), ctx),
    writeRules: remembered((name: string, ctx) => writeRules(name, acr, ctx)),
  }
}

async function editionOf(api: AcrApi, ctx: Context): Promise<Edition> {
  const { instance } = await api.place(ctx)
  return instance === undefined ? personalEdition(api) : enterpriseEdition(api, instance)
}

export async function signIn(
  found: Credential,
  registry: Registry,
  { api, ctx }: SignInTools,
): Promise<SentCredential> {
  refuseApi(registry)
  const { origin } = found
  if (alibabaKey(found)) {
    const edition = await editionOf(
      openAcrApi(registry, api, async () => found),
      ctx,
    )
    return { kind: 'basic', origin, ...(await edition.token(ctx)) }
  }
  if (found.kind === 'basic' || found.kind === 'anonymous') return found
  throw new CredentialError(`Alibaba Cloud takes no credential such as the one for ${registry.name} from ${origin}`, {
    hint: 'give an AccessKeyId with its secret as `type: access_key`, or the user and registry password of `docker login`',
  })
}

async function* listRepositories(wanted: Wanted, edition: Edition, ctx: Context): AsyncIterable<string> {
  const tops = topsOf(wanted)
  // Beyond a few, one list of everything costs less.
  if (!tops || tops.length > MOST_NAMESPACES) return yield* edition.repositories(undefined, ctx)
  for (const namespace of tops) {
    try {
      yield* edition.repositories(namespace, ctx)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

const MOST_NAMESPACES = 10

/** By the API; just the names, by the registry, where the API may not be asked. */
async function* listTags(
  repository: string,
  acr: Acr,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const edition = await acr.api(ctx)
  if (!edition) return yield* listNames(repository, acr, store, ctx)
  let isListed = false
  try {
    for await (const { tag, ...told } of edition.tags(repository, ctx)) {
      isListed = true
      yield tagInfo(tag, told)
    }
  } catch (error) {
    if (isListed || !(error instanceof RegistryError) || error.status !== 403) throw error
    const text = `${repository}: Alibaba Cloud's API may not be asked, so the registry lists the tags: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
    yield* listNames(repository, acr, store, ctx)
  }
}

/** The registry answers for a repository that does not exist as for one that may not be read:
 *  https://github.com/goharbor/harbor/issues/15698 */
async function* listNames(repository: string, acr: Acr, store: ContentStore, ctx: Context): AsyncIterable<string> {
  try {
    yield* store.tags(ctx)
  } catch (error) {
    if (!isRefusal(error)) throw error
    acr.hidden.add(repository)
    throw new RegistryError(`${repository} does not exist, or may not be listed: ${error.message}`, {
      ...{ status: 404, method: 'GET', path: `/v2/${repository}/tags/list`, cause: error },
      hint: 'only an access key tells one from the other, and lists the private repositories of a Personal Edition',
    })
  }
}

function isRefusal(error: unknown): error is CredentialError | RegistryError {
  if (error instanceof CredentialError) return !error.missing
  return error instanceof RegistryError && error.status === 403
}

/** Twice is fine. Where the namespace lets a push create it, an account that may not create it is fine, too. */
async function ensureRepository(name: string, isPublic: boolean, acr: Acr, ctx: Context): Promise<void> {
  const edition = await acr.api(ctx)
  if (!edition) return
  acr.exists.forget(name)
  const exists = async (): Promise<boolean> => edition.hasRepository(name, ctx)
  try {
    await ensured(exists, () => edition.createRepository(name, isPublic, ctx), ctx)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 403) throw error
    const hint = error.hint ? `; ${error.hint}` : ''
    const text = `${error.message}; the push is tried all the same${hint}`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
}

/** Nothing where it is not there, or may not be asked for. */
async function writeRules(name: string, acr: Acr, ctx: Context): Promise<WriteRules> {
  try {
    if (!(await (await acr.api(ctx))?.isImmutable?.(name, ctx))) return {}
    return { immutable: (tag) => `tag ${tag} is immutable in the repository ${name}` }
  } catch (error) {
    // Which credential is wrong has been told by the check.
    if (error instanceof CredentialError || (error instanceof RegistryError && error.status === 403)) return {}
    throw error
  }
}

/** Only the API deletes, and just a tag. */
function acrRepository(store: ContentStore, name: string, acr: Acr): ContentStore {
  async function needEdition(ctx: Context): Promise<Edition> {
    const edition = await acr.api(ctx)
    if (edition) return edition
    throw new UnsupportedError(`nothing is deleted from ${name} with the password of \`docker login\``, {
      hint: 'give an AccessKeyId with its secret as `type: access_key`',
    })
  }

  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const edition = await needEdition(ctx)
    try {
      await edition.deleteTag(name, tag, ctx)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** True where a refusal may mean that there is no such repository. */
  async function mayBeAbsent(error: unknown, ctx: Context): Promise<boolean> {
    if (!isRefusal(error)) return false
    return (await acr.api(ctx)) ? !(await acr.exists(name, ctx)) : acr.hidden.has(name)
  }

  return {
    ...store,
    async resolve(reference, ctx) {
      try {
        return await store.resolve(reference, ctx)
      } catch (error) {
        if (await mayBeAbsent(error, ctx)) return undefined
        throw error
      }
    },
    async hasBlob(blob, ctx) {
      try {
        return await store.hasBlob(blob, ctx)
      } catch (error) {
        if (await mayBeAbsent(error, ctx)) return false
        throw error
      }
    },
    deletes: async (ctx) => ((await acr.api(ctx)) ? 'tag' : 'nothing'),
    async deleteTag(tag, ctx) {
      if (!isTag(tag)) throw new TypeError(`not a tag: ${tag}`)
      await deleteTag(tag, ctx)
    },
    async deleteManifest(digest, ctx) {
      const edition = await needEdition(ctx)
      const tags = await tagsAt(digest, listTags(name, acr, store, ctx), store, ctx)
      for (const tag of tags) await deleteTag(tag, ctx)
      if (tags.length > 0 || !(await edition.hasRepository(name, ctx))) return
      if (await store.resolve(digest, ctx)) await deleteUntagged(store, name, digest, ctx)
    },
  }
}

/** The API knows tags alone, and the registry may refuse. */
async function deleteUntagged(store: ContentStore, name: string, digest: Digest, ctx: Context): Promise<void> {
  try {
    await store.deleteManifest?.(digest, ctx)
  } catch (error) {
    if (!isAbsent(error) && !isRefusal(error)) throw error
    throw new UnsupportedError(`${name}@${digest} has no tag, and the registry does not delete it: ${error.message}`, {
      cause: error,
      hint: 'the console removes images without tags',
    })
  }
}
