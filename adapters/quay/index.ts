/** Quay.io and Red Hat Quay: content from the registry, lists and organizations through Quay's API. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const quay: AdapterType = {
  identity: 'quay',
  name: 'Quay',
  description: 'Quay.io and Red Hat Quay',
  hosts: [/^quay\.io$/],
  home: 'https://quay.io',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    "Quay's API gives 100 tags with their digests a call; where the credential may not ask it, tag lists, then one HEAD a tag",
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'A robot account (namespace+robot) pulls and pushes, but may not use the API: then private repositories cost a request a tag, and no organization is created.',
    'An OAuth token of an application does both: give it as `type: token`, or with the user name $oauthtoken.',
    'Asking for the right to push creates the repository, private: a plan never asks for it.',
    'What is pushed by digest only is kept for an hour.',
    'Deleted tags can be restored for a while (time machine).',
    'Quay.io takes a few requests a second from one address: limits.requests_per_second: 5 keeps it content.',
  ],
  signIn: async (found) => asPassword(found, (await import('./api.ts')).OAUTH_USER),
  hooks: {
    events: ['push', 'scan'],
    setup:
      "in the repository's settings, under Events and notifications: 'Push to Repository' and, for `scan`, 'Package Vulnerability Found', by Webhook POST to `URL?token=SECRET`, without a template of your own.",
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
