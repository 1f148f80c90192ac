/** Opens IBM Cloud Container Registry: content from the registry; with an API key, lists and namespaces through the API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, NetworkError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained, hintedAdapter } from '../explain.ts'
import { listedOrNamed, tagInfo } from '../told.ts'
import { type Icr, type Image, openIcr } from './api.ts'

const FORBIDDEN =
  'the namespace must exist (ibmcloud cr namespace-add), the key needs the role Reader to pull, Writer to push, Manager to delete, and a quota may be used up'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const { repositories: _, ...adapter } = ociRegistry(registry, tools)
  const icr = openIcr(registry, tools)
  const hinted = hintedAdapter(adapter, FORBIDDEN)
  return {
    ...hinted,
    repository: (name) => icrRepository(hinted.repository(name), name, icr),
    async *namespaces(ctx) {
      await needKey(icr)
      yield* await icr.namespaces(ctx)
    },
    // Without a key the push tells.
    async ensureNamespace(namespace, _options, ctx) {
      if (await icr.hasKey()) await explained(icr.ensureNamespace(namespace.split('/', 1)[0] ?? '', ctx), lacking)
    },
    repositories: (wanted, ctx) => listRepositories(wanted, icr, ctx),
    listTags: (name, ctx) => listTags(name, icr, hinted.repository(name), ctx),
  }
}

async function needKey(icr: Icr): Promise<void> {
  if (await icr.hasKey()) return
  throw new UnsupportedError('IBM Cloud Container Registry lists its repositories only to an API key', {
    hint: "give one as `type: token`, or repository names in the policy's name filter",
  })
}

function lacking(error: unknown): unknown {
  if (!(error instanceof RegistryError) || error.status !== 403) return error
  return restated(error, error.message, 'the key needs the role Manager in the account to create a namespace')
}

async function* listRepositories(wanted: Wanted, icr: Icr, ctx: Context): AsyncIterable<string> {
  await needKey(icr)
  const tops = topsOf(wanted)
  const names = (await icr.images(undefined, ctx)).flatMap(({ tags }) => tags.map(([repository]) => repository))
  for (const name of new Set(names)) {
    if (tops === undefined || tops.includes(name.split('/', 1)[0] ?? '')) yield name
  }
}

async function* listTags(
  repository: string,
  icr: Icr,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  try {
    if (await icr.hasKey()) yield* listedOrNamed(infosOf(repository, icr, ctx), store, 'the API of IBM Cloud', ctx)
    else yield* store.tags(ctx)
  } catch (error) {
    if (!(await isAbsent(repository, error, icr, ctx))) throw error
    throw new RegistryError(`the account has no namespace for ${repository}`, {
      ...{ status: 404, method: 'GET', path: `/v2/${repository}/tags/list`, cause: error },
    })
  }
}

/** The registry refuses what is in no namespace as it does what may not be read. True where the account has no such namespace. */
async function isAbsent(repository: string, error: unknown, icr: Icr, ctx: Context): Promise<boolean> {
  const isRefusal =
    (error instanceof RegistryError && error.status === 403) || (error instanceof CredentialError && !error.missing)
  if (!isRefusal || !(await icr.hasKey())) return false
  const namespaces = await icr.namespaces(ctx).catch(() => undefined)
  return namespaces !== undefined && !namespaces.includes(repository.split('/', 1)[0] ?? '')
}

function icrRepository(store: ContentStore, name: string, icr: Icr): ContentStore {
  return {
    ...store,
    async resolve(reference, ctx) {
      try {
        return await store.resolve(reference, ctx)
      } catch (error) {
        if (await isAbsent(name, error, icr, ctx)) return undefined
        throw error
      }
    },
    async hasBlob(blob, ctx) {
      try {
        return await store.hasBlob(blob, ctx)
      } catch (error) {
        if (await isAbsent(name, error, icr, ctx)) return false
        throw error
      }
    },
  }
}

async function* infosOf(repository: string, icr: Icr, ctx: Context): AsyncIterable<TagInfo | string> {
  let images: readonly Image[]
  try {
    images = await icr.images(repository, ctx)
  } catch (error) {
    // The registry can be reached where IAM cannot: then it lists.
    if (!(error instanceof NetworkError || error instanceof CredentialError) || ctx.signal.aborted) throw error
    const text = `${repository}: the API of IBM Cloud does not list it, so each tag costs a request: ${error.message}`
    ctx.emit({ type: 'log', level: 'warning', text })
    return
  }
  for (const { digest, tags } of images) {
    for (const [name, listed] of tags) if (name === repository) for (const tag of listed) yield tagInfo(tag, { digest })
  }
}
