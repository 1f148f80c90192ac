/** Pulp, whose container plugin is a registry. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'

export const pulp: AdapterType = {
  identity: 'pulp',
  name: 'Pulp',
  description: 'the container registry of Pulp 3, of Katello and of Automation Hub',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing:
    "the catalogue and tag lists, then one HEAD a tag: Pulp's API tells of a tag only where its manifest is found",
  credentials: ['anonymous', 'basic'],
  checked: 'a fake; not run against a real server',
  quirks: [
    'A push to a name that is not there creates a push repository, in a namespace that is the first part of the name; the user needs container.add_containernamespace.',
    'What Pulp itself mirrors can be pulled, not pushed to, and is in the list under the base path of its distribution.',
    'Without token authentication everybody may pull, and only administrators push.',
    'A repository whose first push failed is listed without tags.',
    'It sends no webhooks: poll looks there.',
  ],
  open: (registry, tools) => ociRegistry(registry, tools),
}
