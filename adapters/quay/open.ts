/** Opens Quay: content from its registry, lists and organizations through its API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedStore } from '../explain.ts'
import { tagInfo } from '../told.ts'
import { cannotListAll, ensureOrganization, openQuay, ownNamespaces, type Quay, repositoriesOf, tagsOf } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Quay refuses every scope but that of a repository, and every action but these (400).
    catalogScopes: [],
    deleteAction: 'pull,push',
    upload: { strategy: 'put', status: 'count' },
  })
  const api = openQuay(registry, tools)
  return {
    ...adapter,
    repository: (name) => ({
      ...explainedStore(adapter.repository(name), hinted),
      // To ask would need the right to push, which creates the repository.
      deletes: async () => 'tag',
    }),
    repositories: (wanted, ctx) => listRepositories(wanted, api, adapter, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureOrganization(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}

/** By the API with a token, and without a credential what is public. What a user or robot may pull only the catalogue tells. */
async function* listRepositories(wanted: Wanted, api: Quay, registry: Adapter, ctx: Context): AsyncIterable<string> {
  const hasToken = await api.hasToken()
  if (!hasToken && (await api.account()) !== undefined) {
    yield* registry.repositories?.(wanted, ctx) ?? []
    return
  }
  const namespaces = topsOf(wanted) ?? (hasToken ? await ownNamespaces(api, ctx) : undefined)
  if (!namespaces) throw cannotListAll()
  for (const namespace of namespaces) yield* repositoriesOf(namespace, api, ctx)
}

async function* listTags(
  repository: string,
  api: Quay,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  try {
    for await (const { name, manifest_digest: digest, start_ts: pushed } of tagsOf(repository, api, ctx)) {
      if (seen.has(name)) continue
      seen.add(name)
      yield tagInfo(name, { digest, pushed })
    }
  } catch (error) {
    if (seen.size > 0 || (await api.hasToken()) || !isHidden(error)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${repository}: Quay's API wants a token, the registry is asked` })
    yield* store.tags(ctx)
  }
}

/** The API does not show private repositories to a robot that may pull them. */
function isHidden(error: unknown): boolean {
  return error instanceof CredentialError || (error instanceof RegistryError && [401, 403, 404].includes(error.status))
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [/quota has been exceeded/i, 'raise the quota of the organization, or delete tags there'],
  [/is_readonly|read.?only|METHOD NOT ALLOWED/i, 'Quay is read-only at the moment, or the repository is a mirror'],
]

function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error
  const text = `${error.message} ${error.codes.join(' ')}`
  const hint = HINTS.find(([words]) => words.test(text))?.[1]
  return hint === undefined ? error : restated(error, error.message, hint)
}
