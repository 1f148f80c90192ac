/** Docker Trusted Registry and its successor, Mirantis Secure Registry up to 3: content from the registry, lists, organizations, repositories
 *  and deletes through its API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const dtr: AdapterType = {
  identity: 'dtr',
  name: 'Mirantis Secure Registry',
  description: 'Docker Trusted Registry 2, and Mirantis Secure Registry up to 3',
  short: 'msr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2, max: 2 },
  names: [{ pattern: /^.{1,55}$/, rule: 'at most 55 characters in all' }],
  listing: 'its API gives 100 tags with their digests a call; an image for several platforms costs a HEAD more',
  credentials: ['basic', 'anonymous'],
  checked: 'a fake; not run against a real server',
  quirks: [
    'The password may be an access token of the user, which has all rights of that user.',
    'A name is ACCOUNT/REPOSITORY, neither more nor less. Missing repositories are created as destination.public says; missing organizations only by an administrator.',
    'The catalogue below /v2/ is not asked: it is empty or partial for most users.',
    'A tag that is signed in Notary cannot be deleted.',
    'Long lists are slow there: limits.connections: 5 keeps it content.',
    'Versions before 2.9 take only images in the format of Docker. Charts of 3.x are in a repository of their own: `type: helm-http`, https://HOST/charts/ACCOUNT/REPOSITORY.',
    'Mirantis Secure Registry 4 is a Harbor: `type: harbor`.',
  ],
  hooks: {
    events: ['push', 'delete', 'scan'],
    setup:
      'for each repository a webhook for TAG_PUSH, one for TAG_DELETE and, for `scan`, one for SCAN_COMPLETED, to `URL?token=SECRET`: in its settings, under Webhooks, or by POST to /api/v0/webhooks.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
