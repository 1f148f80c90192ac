/** Pulp, whose container plugin is a registry. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const pulp: AdapterType = {
  identity: 'pulp',
  name: 'Pulp',
  description: 'the container registry of Pulp 3, of Katello and of Automation Hub',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing:
    "the catalogue, and Pulp's API for tags with their digests, 1,000 a call; without a credential, or where that API is not found, tag lists and one HEAD a tag",
  credentials: ['anonymous', 'basic'],
  checked: 'Pulp 3.123 with pulp_container 2.30, and a fake',
  quirks: [
    'A push to a name that is not there creates a repository that everybody may pull from, in a namespace that is the first part of the name; the user needs container.add_containernamespace.',
    'What Pulp itself mirrors can be pulled, not pushed to, and is in the list under the base path of its distribution.',
    'Without token authentication everybody may pull, and only administrators push.',
    'Tags are deleted by tasks of Pulp, which are waited for: a pulpcore-worker must run.',
    'The API answers at /pulp/api/v3, elsewhere where the setting API_ROOT says so; then `api_url` names it. Without it, only whole manifests are deleted.',
    'A repository whose first push failed is listed without tags.',
    'It sends no webhooks: poll looks there.',
  ],
  options: [
    {
      name: 'api_url',
      description: 'Where the API of Pulp answers, with /api/v3; default /pulp/api/v3 at the address of the registry',
      type: 'text',
    },
  ],
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
