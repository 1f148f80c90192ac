/** GitHub's container registry: content from ghcr.io, lists and deletes through GitHub's API of packages. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const githubGhcr: AdapterType = {
  identity: 'github-ghcr',
  name: 'GitHub Container Registry',
  description: 'ghcr.io, and the registry of a GitHub Enterprise Server',
  hosts: [/^ghcr\.io$/],
  home: 'https://ghcr.io',
  short: 'ghcr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    "GitHub's API gives 100 versions with digests and tags a call; without a credential tag lists, then one HEAD a tag",
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The password is a classic personal access token with read:packages, write:packages and, to delete, delete:packages; fine-grained ones do not do. The user name does not matter.',
    'Without names in the policy the packages of the account and of its organizations are listed; for the latter the token needs read:org.',
    'A package is private when the first push has made it.',
    'A tag cannot be deleted alone: its manifest goes with all its tags, and the last one of a package or one with many downloads not at all.',
    'There is no referrers API; referrers are kept under the tags sha256-<hex>.',
    'Every manifest counts as a version, also each platform of an image: where there are very many, the registry lists the tags.',
    'A package that the credential may not see is answered as one that is denied.',
  ],
  options: [
    {
      name: 'api_url',
      description: 'Where the API answers; default https://api.github.com, of an Enterprise Server https://HOST/api/v3',
      type: 'text',
    },
  ],
  // Its token server takes the token as a password; as a bearer token the registry wants it in another form.
  signIn: async (found) => asPassword(found),
  hooks: {
    events: ['push'],
    setup:
      "in the settings of the organization or repository, under Webhooks: payload URL `URL`, secret SECRET, and of the individual events 'Packages' and 'Registry packages'.",
    signature: 'x-hub-signature-256',
    form: true,
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
