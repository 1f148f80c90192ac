/** Opens DigitalOcean Container Registry: content from the registry, lists and deletes through the API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedStore, type Right } from '../explain.ts'
import { type DigitalOcean, openDigitalOcean } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const api = openDigitalOcean(registry, tools)
  return {
    ...adapter,
    repository: (name) => ({
      ...explainedStore(adapter.repository(name), hinted),
      deletes: async () => 'tag',
      deleteTag: (tag, ctx) => api.remove(name, { tag }, ctx),
      deleteManifest: (digest, ctx) => api.remove(name, { digest }, ctx),
    }),
    namespaces: (ctx) => api.namespaces(ctx),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}

async function* listRepositories(wanted: Wanted, api: DigitalOcean, ctx: Context): AsyncIterable<string> {
  for await (const namespace of topsOf(wanted) ?? api.namespaces(ctx)) yield* api.repositories(namespace, ctx)
}

/** What `docker login` was given may be a token for the registry alone. */
async function* listTags(
  repository: string,
  api: DigitalOcean,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  let isListed = false
  try {
    for await (const info of api.tags(repository, ctx)) {
      isListed = true
      yield info
    }
    return
  } catch (error) {
    const isRefused = error instanceof CredentialError || (error instanceof RegistryError && error.status === 403)
    if (isListed || !isRefused) throw error
    const text = `the API of DigitalOcean may not be asked, so the registry lists the tags: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
  }
  yield* store.tags(ctx)
}

function hinted(error: unknown, right: Right): unknown {
  if (!(error instanceof RegistryError) || right !== 'push' || error.status !== 403) return error
  const hint =
    'the token needs registry:create and registry:update, the registry must exist, its plan may allow no more repositories, and a garbage collection refuses pushes'
  return restated(error, error.message, hint)
}
