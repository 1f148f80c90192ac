/** IBM Cloud Container Registry. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { asPassword } from '../access-token.ts'
import { hintedAdapter } from '../explain.ts'

const FORBIDDEN =
  'the namespace must exist (ibmcloud cr namespace-add), the key needs the role Reader to pull, Writer to push, Manager to delete, and a quota may be used up'

export const ibmIcr: AdapterType = {
  identity: 'ibm-icr',
  name: 'IBM Cloud Container Registry',
  description: 'icr.io, and its regions such as us.icr.io and de.icr.io',
  hosts: [/^([a-z]{2}[0-9]?\.)?icr\.io$/, /^private\.([a-z]{2}[0-9]?\.)?icr\.io$/],
  short: 'icr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing: 'tag lists, then one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The password is an IAM API key, with the user name iamapikey, which `type: token` needs not say. Reader pulls, Writer pushes, Manager deletes.',
    'The first part of a name is a namespace, which must exist: ibmcloud cr namespace-add.',
    'There is no catalogue: name the repositories in the filter.',
    'Quotas of storage and traffic refuse pushes and pulls for the rest of the month.',
    'It sends no webhooks of pushes: poll looks there.',
  ],
  signIn: async (found) => asPassword(found, 'iamapikey'),
  open: async (registry, tools) => {
    const { repositories: _, ...adapter } = ociRegistry(registry, tools)
    return hintedAdapter(adapter, FORBIDDEN)
  },
}
