/** Gitea and Forgejo: the container registry among their packages, in which every user and organization has images. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const gitea: AdapterType = {
  identity: 'gitea',
  name: 'Gitea and Forgejo',
  description: 'the packages of Gitea and Forgejo, Codeberg among them',
  hosts: [/^codeberg\.org$/, /^gitea\.com$/, /^code\.forgejo\.org$/],
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'the catalogue and tag lists, then one HEAD a tag: the API of packages does not tell what a tag points at',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'Gitea 1.26, Forgejo 10 in development, and a fake',
  quirks: [
    'The password is an access token with read:package, to push or delete write:package; the user name does not matter. A missing organization is created with write:organization.',
    'The first part of a name is a user or an organization.',
    'Tags are stored in lower case: a tag with capital letters is refused, as it would come back under another name.',
    'An upload that breaks off begins anew.',
    'There is no referrers API; referrers are kept under the tags sha256-<hex>.',
    'An index takes only images, not other indexes.',
    'The registry is at the root of its host, also where the pages are below a path; then `api_url` says where the API is.',
  ],
  options: [
    {
      name: 'api_url',
      description: 'Where the API answers, without /api/v1; default the address of the registry',
      type: 'text',
    },
  ],
  // The token server takes it as a password.
  signIn: async (found) => asPassword(found),
  hooks: {
    events: ['push', 'delete'],
    setup:
      "in the settings of the user or organization (of a repository only for packages that are linked to it), under Webhooks: type Gitea or Forgejo, target URL `URL`, POST as application/json, secret SECRET, and of the custom events 'Package'. The server's webhook.ALLOWED_HOST_LIST must allow the host.",
    signature: 'x-hub-signature-256',
    form: true,
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
