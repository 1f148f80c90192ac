/** Artifact Hub: an index of chart repositories, whose charts are read where their publishers have them. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const artifactHub: AdapterType = {
  identity: 'artifact-hub',
  name: 'Artifact Hub',
  description: 'Helm charts by the names that Artifact Hub gives them, read from the repositories of their publishers',
  short: 'charts',
  hosts: [/^artifacthub\.io$/],
  home: 'https://artifacthub.io',
  isReadOnly: true,
  greeting: 'GET /api/v1/packages/search',
  resources: ['chart'],
  filters: ['name', 'tag', 'label', 'deprecated'],
  listing:
    'one request names all packages, or one each those that are named; then one for the index.yaml of each publisher, and only where it has changed',
  credentials: ['anonymous', 'basic'],
  checked: 'a fake; not run against the live service',
  preemptive: true,
  quirks: [
    'A repository is REPOSITORY/PACKAGE, as in the address of its page: artifacthub.io/packages/helm/REPOSITORY/PACKAGE.',
    'Deprecated packages are not listed; they can be named.',
    'Charts whose publisher has them in an OCI registry are named with that registry, which is the source to use.',
    'The credential is for an Artifact Hub of your own; it goes to no publisher.',
    'Too many requests are answered with 429 for a minute or more: name packages, or list at most hourly.',
  ],
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
