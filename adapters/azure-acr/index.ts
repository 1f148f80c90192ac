/** Azure Container Registry: content from the registry, lists and deletes of tags through its own API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const azureAcr: AdapterType = {
  identity: 'azure-acr',
  name: 'Azure Container Registry',
  description: 'Azure Container Registry (azurecr.io)',
  hosts: [/\.azurecr\.(io|cn|us)$/],
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: "the registry's own API gives 1,000 tags with their digests a call",
  credentials: ['anonymous', 'basic', 'token', 'azure'],
  checked: 'a fake with its token server, and one of Entra and the metadata services; not run against the live service',
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
  signIn: async (found, registry, tools) => (await import('./sign-in.ts')).signIn(found, registry, tools),
  hooks: {
    events: ['push', 'delete'],
    setup:
      'under Services, Webhooks: service URI `URL`, custom header `Authorization: Bearer SECRET`, actions push and delete. Or under Events, a Web Hook subscription of Event Grid in either schema, endpoint `URL?token=SECRET`: its validation is answered.',
  },
  greetHook: async (delivery) => (await import('./events.ts')).greetHook(delivery),
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
