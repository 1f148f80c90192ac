/** Docker Hub: content from its registry, lists and deletes through the API of hub.docker.com. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const dockerHub: AdapterType = {
  identity: 'docker-hub',
  name: 'Docker Hub',
  description: 'Docker Hub (docker.io)',
  hosts: [/^registry-1\.docker\.io$/],
  home: 'https://registry-1.docker.io',
  aliases: ['docker.io', 'index.docker.io', 'hub.docker.com', 'registry.hub.docker.com'],
  defaultNamespace: 'library',
  short: 'hub',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2, max: 2 },
  listing: "Docker Hub's own API gives 100 tags with their digests a call; no pull is spent",
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The official images live in the namespace library; only Docker can push there.',
    'Reading a manifest spends a pull of the allowance (ratelimit-remaining), asking for its digest does not: what is unchanged spends none.',
    'Without a credential the API lists some 1,000 tags of a repository; the rest comes from the registry, with one request a tag.',
    'A repository that the credential may not see is answered as one that does not exist.',
    'A push creates the repository with the default visibility of its account.',
    'Tags are deleted through the API, which needs an access token with the permission to delete.',
  ],
  options: [{ name: 'api_url', description: 'Where its API answers; default https://hub.docker.com', type: 'text' }],
  hooks: {
    events: ['push'],
    setup: 'in the repository, under Webhooks: `URL?token=SECRET`, as an address is all that can be set there.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
