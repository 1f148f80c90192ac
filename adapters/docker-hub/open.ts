/** Opens Docker Hub: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { openHubApi } from './api.ts'
import { ensureNamespace, listRepositories } from './namespaces.ts'
import { hubRepository } from './repository.ts'
import { listTags } from './tags.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  // https://github.com/docker/hub-feedback/issues/2372
  const adapter = ociRegistry(registry, tools, { unprovenSubject: true })
  const api = openHubApi(registry, tools)
  return {
    ...adapter,
    repository: (name) =>
      hubRepository(adapter.repository(name), name, api, (ctx) => listTags(name, api, adapter.repository(name), ctx)),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureNamespace(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}
