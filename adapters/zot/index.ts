/** zot, the registry that takes OCI content only unless it is told otherwise. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const zot: AdapterType = {
  identity: 'zot',
  name: 'zot',
  description: 'zot, an OCI-native registry',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing:
    'its search extension gives the digests of a whole repository beside the tag list; without it, one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'zot, with and without its search',
  quirks: [
    'Docker schema 2 images are taken only with http.compat: ["docker2s2"] in its configuration.',
    'A manifest that an index names cannot be deleted before the index.',
    'With `extensions.search` in its configuration an unchanged repository costs three requests, however many tags it has.',
  ],
  hooks: {
    events: ['push', 'delete', 'scan'],
    setup:
      'under extensions in its configuration: `"events": {"enable": true, "sinks": [{"type": "http", "address": "URL", "timeout": "5s", "credentials": {"username": "replicate", "password": "SECRET"}}]}`. It sends each event once, and never again: a `schedule` beside it finds what was lost.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
