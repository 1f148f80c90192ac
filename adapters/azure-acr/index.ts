/** Azure Container Registry: content from the registry, lists and deletes of tags through its own API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { CredentialError } from '../../src/core/errors.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { parseEvents } from './events.ts'
import { listRepositories, listTags } from './listing.ts'
import { explained } from './refusals.ts'
import { acrRepository } from './repository.ts'
import { writeRules } from './rules.ts'
import { signIn } from './sign-in.ts'

/** Larger bodies than some 20 MB are refused with 413: https://github.com/goharbor/harbor/issues/23015 */
const CHUNK = 16 * 1024 * 1024

export const azureAcr: AdapterType = {
  identity: 'azure-acr',
  name: 'Azure Container Registry',
  description: 'Azure Container Registry (azurecr.io)',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: "the registry's own API gives 1,000 tags with their digests a call",
  credentials: ['anonymous', 'basic', 'token', 'azure'],
  quirks: [
    'User and password are those of the admin user, of a service principal (its application id and secret) or of a token with a scope map.',
    '`type: azure` takes AZURE_CLIENT_ID with AZURE_TENANT_ID and AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE, then the managed identity, then what @azure/identity finds where it is installed. Where no credential is found, the first two are tried too.',
    'A token whose scope map lacks metadata/read may pull, but not list tags (_repositories_pull is such a scope map).',
    'A token whose scope map does not cover all repositories sees no catalogue: name the repositories in the policy.',
    'A locked repository, manifest or tag (writeEnabled: false) refuses writes and deletes with 405.',
    'Layers above 16 MiB go in chunks.',
    'The Basic tier takes some 1,000 reads and 100 writes a minute: limits.requests_per_second keeps it content.',
    '`untagged: true` lists the manifests too, among them those of the platforms of an image.',
  ],
  signIn,
  parseEvents,
  open(registry, tools) {
    const adapter = ociRegistry(registry, tools, { upload: { strategy: 'put', putLimit: CHUNK, chunk: CHUNK } })
    const acr = { name: registry.name, http: tools.http, ping: adapter.ping }
    return {
      ...adapter,
      async ping(ctx) {
        try {
          await adapter.ping(ctx)
        } catch (error) {
          // Nobody may still pull where the registry is open to all; it shows that by repository only.
          if (error instanceof CredentialError && /needs a credential/.test(error.message)) return
          throw await explained(error)
        }
      },
      repository: (name) => acrRepository(adapter.repository(name), name, acr),
      repositories: (_wanted, ctx) => listRepositories(acr, ctx),
      listTags: (name, ctx, wanted) => listTags(name, wanted?.untagged ?? false, acr, ctx),
      writeRules: writeRules(acr),
    }
  },
}
