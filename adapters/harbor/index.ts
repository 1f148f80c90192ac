/** Harbor 2, by its own API where that knows more: projects, artifacts with their tags and labels, quotas, immutable tags. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const harbor: AdapterType = {
  identity: 'harbor',
  name: 'Harbor',
  description: 'Harbor 2, with its projects, robot accounts, labels, quotas and immutable tags',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'label', 'resource'],
  depth: { min: 2 },
  listing: 'the artifacts API, 100 artifacts with all their tags and labels a request, and one tag list a repository',
  credentials: ['anonymous', 'basic'],
  checked: 'Harbor 2.15, and a fake',
  quirks: [
    'The name of a robot account is all of robot$project+name: single quotes keep a shell from eating the $.',
    "Harbor takes 0.1 s of its processor to check a user's password, with every request to its API; a robot account's costs next to nothing.",
    'A robot account that may only pull and push is enough; then each tag costs one HEAD, and labels, quotas and immutability rules are not seen.',
    'In a project that lets only signed images be pulled, its tags are known only with the permission read of artifact.',
    'Projects are created as destination.public says; that needs an administrator, a Harbor where everyone may, or a system robot account with create of project.',
    'Of a project that is a proxy cache only what is cached is listed, but a tag that is named exactly is fetched through it; nothing can be pushed to it.',
    'Labels that the destination lacks are created in its project; global labels of the same name are used where they exist.',
    'Its webhooks do not tell of a tag that was made or deleted by its API or web pages, and of several tags of a deleted artifact they name one.',
  ],
  hooks: {
    events: ['push', 'delete', 'scan'],
    setup:
      "in the project, under Webhooks: notify type http, either payload format, endpoint URL, auth header `Bearer SECRET`, events 'Artifact pushed', 'Artifact deleted' and, for `scan`, 'Scanning finished'.",
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
