/** Opens Quay: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { openQuay } from './api.ts'
import { ensureOrganization, listRepositories } from './organizations.ts'
import { quayRepository } from './repository.ts'
import { listTags } from './tags.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Any other scope than that of a repository is a bad request there, as is any other action.
    catalogScopes: [],
    deleteAction: 'pull,push',
    upload: { strategy: 'put', status: 'count' },
  })
  const api = openQuay(registry, tools)
  return {
    ...adapter,
    repository: (name) => quayRepository(adapter.repository(name)),
    repositories: (wanted, ctx) => listRepositories(wanted, api, adapter, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureOrganization(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}
