/** Scaleway Container Registry: content from the registry of a region, lists, namespaces and deletes through Scaleway's API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const scaleway: AdapterType = {
  identity: 'scaleway',
  name: 'Scaleway Container Registry',
  description: 'rg.REGION.scw.cloud',
  hosts: [/^rg\.[a-z]{2}-[a-z]{3}\.scw\.cloud$/],
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: "Scaleway's API gives 100 tags with their digests a call; without a key tag lists, then one HEAD a tag",
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The password is the secret key of an API key, by whatever user name; its permission set is ContainerRegistryReadOnly or ContainerRegistryFullAccess.',
    'The first part of a name is the namespace, whose name is unique in the whole region. A missing one is created where the option `project_id` says in which project.',
    'An image may be pulled 20 times a minute.',
    'It sends no webhooks: poll looks there.',
  ],
  options: [
    { name: 'project_id', description: 'The project in which missing namespaces are created', type: 'text' },
    { name: 'api_url', description: 'Where the API answers; default https://api.scaleway.com', type: 'text' },
    { name: 'region', description: 'As in fr-par; default that of the host', type: 'text' },
  ],
  signIn: async (found) => asPassword(found, 'nologin'),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
