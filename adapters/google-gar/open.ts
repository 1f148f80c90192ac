/** Opens Google Artifact Registry: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { openGar } from './api.ts'
import { listRepositories } from './packages.ts'
import { ensureRepository, listNamespaces } from './repositories.ts'
import { garRepository } from './repository.ts'
import { writeRules } from './rules.ts'
import { listTags } from './tags.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Chunks are not supported, nor is there an upload to ask for its offset: docs/reference/docker-api
    upload: { strategy: 'put', status: 'none' },
    deleteAction: 'pull,push',
  })
  const gar = openGar(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      try {
        await adapter.ping(ctx)
      } catch (error) {
        // Nobody may pull what is public, which shows by repository only.
        if (!(error instanceof CredentialError) || !error.missing) throw error
      }
    },
    repository: (name) => garRepository(adapter.repository(name), name, gar),
    namespaces: (ctx) => listNamespaces(gar, ctx),
    ensureNamespace: (namespace, { public: isPublic }, ctx) => ensureRepository(namespace, isPublic, gar, ctx),
    repositories: (wanted, ctx) => listRepositories(wanted, gar, ctx),
    listTags: (name, ctx) => listTags(name, gar, ctx),
    writeRules: (name, ctx) => writeRules(name, gar, ctx),
  }
}
