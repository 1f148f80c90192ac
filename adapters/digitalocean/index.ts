/** DigitalOcean Container Registry: content from the registry, lists and deletes through the API of DigitalOcean. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const digitalocean: AdapterType = {
  identity: 'digitalocean',
  name: 'DigitalOcean Container Registry',
  description: 'registry.digitalocean.com',
  hosts: [/^registry\.digitalocean\.com$/],
  home: 'https://registry.digitalocean.com',
  short: 'docr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    'the API of DigitalOcean gives 100 tags with their digests a call; what may not ask it lists tags, then one HEAD a tag',
  credentials: ['basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'An API token with the scopes registry:read, to push registry:create and registry:update, to delete registry:delete; it is user name and password of the registry.',
    'The first part of a name is the registry, which must exist; there is no catalogue.',
    'Nothing can be pushed or deleted while a garbage collection runs; what is deleted takes room until then.',
    'The plan limits the number of repositories: one more is refused as denied.',
    'It sends no webhooks: poll looks there.',
  ],
  options: [
    { name: 'api_url', description: 'Where the API answers; default https://api.digitalocean.com', type: 'text' },
  ],
  signIn: async (found) => (await import('./api.ts')).asBoth(found),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
