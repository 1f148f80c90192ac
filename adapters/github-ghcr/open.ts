/** Opens GitHub Container Registry: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { openGitHub } from './api.ts'
import { ensureOwner, listRepositories } from './owners.ts'
import { packageRepository } from './repository.ts'
import { listTags } from './versions.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // Asked for referrers it redirects to its website: https://github.com/artifacthub/hub/issues/4785
    referrers: false,
    unprovenSubject: true,
    // One PUT may have any size, a request with a range 4 MiB: https://github.com/oras-project/rust-oci-client/issues/35
    upload: { strategy: 'put', chunk: 4 * 1024 * 1024 },
  })
  const api = openGitHub(registry, tools)
  return {
    ...adapter,
    async ping(ctx) {
      await adapter.ping(ctx)
      await api.check(ctx)
    },
    repository: (name) => packageRepository(adapter.repository(name), name, api),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureOwner(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}
