/** NetEase Cloud's registry, of which only the distribution API is known. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const netease: AdapterType = {
  identity: 'netease',
  name: 'NetEase Cloud',
  description: "NetEase Cloud's registry (hub.c.163.com)",
  hosts: [/^hub\.c\.163\.com$/],
  home: 'https://hub.c.163.com',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  names: [{ pattern: /^.{1,200}$/, rule: 'at most 200 characters' }],
  listing: 'tag lists, then one HEAD a tag for its digest',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service, which may be gone',
  quirks: [
    'It is not known whether the service still runs: run `replicate registries check` before you rely on it.',
    'Repositories are not listed: name them in the filter.',
    'User and password are those of `docker login`. A name begins with the account; pushes elsewhere are denied.',
    "NetEase's own API is not used, as the way it is signed is not published. Create a missing repository in the console where a push does not.",
    'It may refuse deletes, OCI images and other artifacts: it is a distribution of the 2.x era.',
    'It throttles: `limits: { connections: 3 }` keeps it content.',
    'It tells of no pushes: only `poll` and schedules find what is new.',
    'hub-mirror.c.163.com is another service, a mirror of library images.',
  ],
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
