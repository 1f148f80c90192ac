/** Sonatype Nexus Repository 3, whose Docker repositories are registries, each at a port, a host or a path of its own. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'

export const nexus: AdapterType = {
  identity: 'nexus',
  name: 'Sonatype Nexus Repository',
  description: 'a Docker repository of Nexus Repository 3',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing:
    'the catalogue and tag lists, then one HEAD a tag: the search of Nexus may be behind what the repository has',
  credentials: ['anonymous', 'basic'],
  checked: 'a fake; not run against a real server',
  quirks: [
    'Each Docker repository is a registry: `url` is that of its connector (a port or a subdomain), or https://HOST/repository/NAME.',
    'The user needs nx-repository-view-docker-NAME-browse and -read, to push -add and -edit, to delete -delete; anonymous pulls need the Docker Bearer Token realm.',
    'A group or a proxy is read; only a hosted repository takes pushes, and with the policy "Disable redeploy" a tag is not moved.',
    'A deleted manifest may leave its tags in the list, which then point at nothing.',
    'Through a connector, the next page of a long list may be told below /repository/NAME, where only the main port answers.',
    'Webhooks of Nexus tell of components without digests and are not read: poll looks there.',
  ],
  open: (registry, tools) => ociRegistry(registry, tools),
}
