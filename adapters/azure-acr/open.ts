/** Opens Azure Container Registry: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { listRepositories, listTags } from './listing.ts'
import { explained } from './refusals.ts'
import { acrRepository } from './repository.ts'
import { writeRules } from './rules.ts'

/** Larger bodies than some 20 MB are refused with 413: https://github.com/goharbor/harbor/issues/23015 */
const CHUNK = 16 * 1024 * 1024

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, { upload: { strategy: 'put', putLimit: CHUNK, chunk: CHUNK } })
  const acr = { name: registry.name, http: tools.http, ping: adapter.ping }
  return {
    ...adapter,
    async ping(ctx) {
      try {
        await adapter.ping(ctx)
      } catch (error) {
        // Nobody may still pull where the registry is open to all; it shows that by repository only.
        if (error instanceof CredentialError && error.missing) return
        throw await explained(error)
      }
    },
    repository: (name) => acrRepository(adapter.repository(name), name, acr),
    repositories: (_wanted, ctx) => listRepositories(acr, ctx),
    listTags: (name, ctx, wanted) => listTags(name, wanted?.untagged ?? false, acr, ctx),
    writeRules: writeRules(acr),
  }
}
