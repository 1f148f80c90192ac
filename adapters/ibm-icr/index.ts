/** IBM Cloud Container Registry. */

import type { AdapterType } from '../../src/core/adapter.ts'
import { asPassword } from '../access-token.ts'

export const ibmIcr: AdapterType = {
  identity: 'ibm-icr',
  name: 'IBM Cloud Container Registry',
  description: 'icr.io, and its regions such as us.icr.io and de.icr.io',
  hosts: [/^([a-z]{2}[0-9]?\.)?icr\.io$/, /^private\.([a-z]{2}[0-9]?\.)?icr\.io$/],
  short: 'icr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  listing:
    'the API, with an API key: all images with their digests in one call; without one, tag lists and one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  checked: 'a fake; not run against the live service',
  quirks: [
    'The password is an IAM API key, with the user name iamapikey, which `type: token` needs not say. Reader pulls, Writer pushes, Manager deletes.',
    'The first part of a name is a namespace; a missing one is created with the role Manager.',
    'Repositories are listed by the API, which takes only an API key; without one, name them in the filter.',
    'The key also gets a token at iam.cloud.ibm.com; where that is not reached, each tag costs a request.',
    'Quotas of storage and traffic refuse pushes and pulls for the rest of the month.',
    'It sends no webhooks of pushes: poll looks there.',
  ],
  options: [
    { name: 'api_url', description: 'Where the API answers; default the address of the registry', type: 'text' },
    { name: 'iam_url', description: 'Where IAM gives tokens; default https://iam.cloud.ibm.com', type: 'text' },
    { name: 'account', description: 'The ID of the account; default that of the API key', type: 'text' },
  ],
  signIn: async (found) => asPassword(found, 'iamapikey'),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
