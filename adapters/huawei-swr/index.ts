/** Huawei Cloud's SoftWare Repository for Container, basic edition: content from the registry of a region, lists, organizations and deletes
 *  through its API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const huaweiSwr: AdapterType = {
  identity: 'huawei-swr',
  name: 'Huawei Cloud SWR',
  description: 'SoftWare Repository for Container of Huawei Cloud and Open Telekom Cloud, basic edition',
  hosts: [/^swr\.[a-z0-9-]+\.(myhuaweicloud\.(com|eu)|otc\.t-systems\.com)$/],
  short: 'swr',
  harborType: 'huawei-SWR',
  resources: ['image'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  names: [
    { pattern: /^[a-z][^/]{0,63}\//, rule: 'an organization of at most 64 characters that begins with a letter' },
    { pattern: /^[^/]+\/.{1,128}$/, rule: 'at most 128 characters after the organization' },
  ],
  listing:
    "SWR's own API gives 200 tags with their digests a call; without an access key tag lists, then one HEAD a tag",
  credentials: ['access_key', 'basic', 'anonymous'],
  checked: "a fake that checks signatures, and one vector of the vendor's library; not run against the live service",
  quirks: [
    'The password of `docker login` (user PROJECT@KEY) moves content only: then each tag costs one HEAD, and an API that is not documented lists repositories and creates organizations.',
    'To read, the IAM user needs the policy SWR ReadOnlyAccess; to write and delete, SWR OperateAccess; to create organizations, SWR FullAccess.',
    'The first part of a name is an organization; its name is unique among all customers of a region.',
    'The basic edition takes images alone: charts, other artifacts and most indexes of BuildKit are refused; `attestations: false` in the filters leaves out what it cannot read.',
    'Its API refuses more than some requests a second: limits.requests_per_second: 10 keeps it content.',
    'It tells of no pushes: use `poll` or a schedule.',
    'An instance of the Enterprise Edition is of `type: docker-registry`.',
  ],
  options: [
    { name: 'region', description: 'The region, where the host of `url` does not say it: cn-north-4', type: 'text' },
    { name: 'project', description: 'The project that signs in; default: that of the region', type: 'text' },
    {
      name: 'api_url',
      description: 'Where the API answers; default https://swr-api.REGION.myhuaweicloud.com',
      type: 'text',
    },
  ],
  signIn: async (found, registry, tools) => (await import('./sign-in.ts')).signIn(found, registry, tools),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
