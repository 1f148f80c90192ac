/** GitLab's container registry: tags with digests from the registry's own extension, repositories from GitLab's API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const gitlab: AdapterType = {
  identity: 'gitlab',
  name: 'GitLab',
  description: 'the container registry of gitlab.com or of a GitLab of your own',
  hosts: [/^registry\.gitlab\.com$/],
  home: 'https://registry.gitlab.com',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    'the registry gives 1,000 tags with their digests a call where it has its metadata database (gitlab.com has); else tag lists, then one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
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
  hooks: {
    events: ['push', 'delete'],
    setup:
      "on a GitLab of your own, in gitlab.rb: `registry['notifications'] = [{'name' => 'replicate', 'url' => 'URL', 'timeout' => '5s', 'threshold' => 5, 'backoff' => '1s', 'headers' => {'Authorization' => ['Bearer SECRET']}}]`. gitlab.com sends none: `poll` does there.",
    header: 'x-gitlab-token',
  },
  parseEvents: async (delivery) =>
    (await import('../../src/oci/registry/notifications.ts')).distributionEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
