/** Oracle Cloud Infrastructure Registry. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { hintedAdapter } from '../explain.ts'

const FORBIDDEN =
  "a name begins with the tenancy's namespace of object storage; policies: read repos to pull, use repos to push, manage repos to create and delete"

export const oracleOcir: AdapterType = {
  identity: 'oracle-ocir',
  name: 'Oracle Cloud Infrastructure Registry',
  description: 'REGION.ocir.io, and ocir.REGION.oci.oraclecloud.com',
  hosts: [/^[a-z]{3}\.ocir\.io$/, /^ocir\.[a-z0-9-]+\.oci\.oraclecloud\.com$/],
  short: 'ocir',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'tag lists, then one HEAD a tag',
  credentials: ['anonymous', 'basic'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The user is TENANCY/USER, with an identity domain TENANCY/DOMAIN/USER, and the password an auth token of that user; in single quotes, as it may hold what a shell eats.',
    "The first part of a name is the tenancy's namespace of object storage, in lower case.",
    'A push to a name that is not there creates a private repository in the root compartment, where the user may; elsewhere it must be created first.',
    'The catalogue is not answered: name the repositories in the filter.',
    'It sends no webhooks: poll looks there.',
  ],
  open: async (registry, tools) => {
    const { repositories: _, ...adapter } = ociRegistry(registry, tools)
    return hintedAdapter(adapter, FORBIDDEN)
  },
}
