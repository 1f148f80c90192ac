/** JFrog Artifactory: content through the Docker API of each repository key, tags with digests by a query, keys as namespaces. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const jfrogArtifactory: AdapterType = {
  identity: 'jfrog-artifactory',
  name: 'JFrog Artifactory',
  description: 'JFrog Artifactory and JFrog Container Registry, of your own or as a service',
  hosts: [/\.jfrog\.io$/],
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    'one query (AQL) gives 1,000 tags with their digests; where it is refused, and for remote and virtual repositories, tag lists, then one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The first part of a name is the key of an Artifactory repository, as in docker-local/app.',
    'The password may be an identity token or an access token; an access token alone is `type: token`.',
    'Layers go in one request that streams (PATCH), as some versions take no other.',
    'To overwrite a tag takes the permission to delete.',
    'A missing key is created as a local repository, which only administrators may do.',
    'A remote repository lists what its cache holds; nothing can be pushed to it, and to a virtual one only with a default deployment repository.',
    'Wrong passwords lock an account: they are not tried again.',
  ],
  options: [
    {
      name: 'package_type',
      description: 'Of the repositories: docker (default), oci or helmoci',
      type: 'text',
      values: ['docker', 'oci', 'helmoci'],
    },
  ],
  preemptive: true,
  hooks: {
    events: ['push', 'delete', 'label'],
    setup:
      "under Administration, General, Webhooks: a predefined webhook to URL with SECRET as its secret token (with or without signing the payload), events 'Docker tag was pushed', 'was deleted' and 'was promoted' and, for `label`, 'Property was added' and 'was deleted'.",
    header: 'x-jfrog-event-auth',
    signature: 'x-jfrog-event-auth',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
