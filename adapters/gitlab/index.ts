/** GitLab's container registry: tags with digests from the registry's own extension, repositories from GitLab's API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { distributionEvents } from '../../src/oci/notifications.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { asPassword } from '../access-token.ts'
import { openGitLab } from './api.ts'
import { listRepositories } from './repositories.ts'
import { projectRepository } from './repository.ts'
import { createTagListing } from './tags.ts'

export const gitlab: AdapterType = {
  identity: 'gitlab',
  name: 'GitLab',
  description: 'the container registry of gitlab.com or of a GitLab of your own',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    'the registry gives 1,000 tags with their digests a call where it has its metadata database (gitlab.com has); else tag lists, then one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  quirks: [
    'The project must exist and have its container registry enabled: a push does not create it.',
    'Personal, group and project access tokens want read_registry or write_registry, and read_api to list repositories; deploy and job tokens list none, so names must be given.',
    'A token lives for some minutes and is renewed.',
    'Wrong passwords get an address banned: they are not tried again.',
    'There is no referrers API; referrers are kept under the tags sha256-<hex>.',
    'Only the administrator of a GitLab of your own can have the registry send events.',
  ],
  options: [
    {
      name: 'api_url',
      description:
        'Where GitLab answers, such as https://gitlab.example.com; found out from the registry where it is left out',
      type: 'text',
    },
  ],
  signIn: async (found) => asPassword(found),
  parseEvents: (delivery) => distributionEvents(delivery),
  open(registry, tools) {
    const adapter = ociRegistry(registry, tools)
    const api = openGitLab(registry, tools)
    const listTags = createTagListing(tools)
    return {
      ...adapter,
      repository: (name) => projectRepository(adapter.repository(name), name),
      repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
      listTags: (name, ctx) => listTags(name, adapter.repository(name), ctx),
    }
  },
}
