/** Opens GitLab: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { openGitLab } from './api.ts'
import { listRepositories } from './repositories.ts'
import { projectRepository } from './repository.ts'
import { createTagListing } from './tags.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const api = openGitLab(registry, tools)
  const listTags = createTagListing(tools)
  return {
    ...adapter,
    repository: (name) => projectRepository(adapter.repository(name), name),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    listTags: (name, ctx) => listTags(name, adapter.repository(name), ctx),
  }
}
