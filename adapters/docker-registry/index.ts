/** Any registry that speaks the OCI distribution API: Docker's own, versions 2 and 3, and other plain ones. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'

export const dockerRegistry: AdapterType = {
  identity: 'docker-registry',
  name: 'Docker Registry',
  description: 'any registry that speaks the OCI distribution API',
  short: 'registry',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing: 'the catalogue and tag lists, then one HEAD a tag for its digest',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'distribution 2.8 and 3, and the registry in memory',
  quirks: [
    'The catalogue may be switched off; then repository names must be given.',
    'Deleting must be allowed in the registry (storage.delete.enabled); version 2 cannot delete a tag alone.',
    'There is no referrers API; referrers are kept under the tags sha256-<hex>.',
  ],
  hooks: {
    events: ['push', 'delete'],
    setup:
      'under notifications.endpoints in its configuration: `url: URL`, `headers: {Authorization: [Bearer SECRET]}`, a `timeout` of some seconds. Webhooks of Mirantis Secure Registry (DTR), Tencent (TCR) and of Harbor and zot used as plain registries are read too.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: (registry, tools) => ociRegistry(registry, tools),
}
