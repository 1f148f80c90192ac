/** Tencent Container Registry, Enterprise Edition: content from an instance's registry, lists, namespaces and deletes through Tencent Cloud's
 *  API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const tencentTcr: AdapterType = {
  identity: 'tencent-tcr',
  name: 'Tencent Container Registry',
  description: 'instances of Tencent Container Registry (tencentcloudcr.com)',
  hosts: [/^[a-z0-9-]+\.tencentcloudcr\.com$/],
  short: 'tcr',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  names: [
    {
      pattern: /^(?=[^/]{2,30}\/)[a-z0-9]+(?:[._-][a-z0-9]+)*\//,
      rule: 'a namespace of 2 to 30 lower-case letters and digits, with a single dot, hyphen or underscore between them',
    },
    { pattern: /^[^/]+\/.{2,245}$/, rule: '2 to 245 characters below the namespace' },
  ],
  listing:
    "Tencent Cloud's API gives 100 tags with their digests a call; without its key tag lists, then one HEAD a tag",
  credentials: ['access_key', 'basic', 'anonymous'],
  checked: 'a fake that checks signatures; not run against the live service',
  quirks: [
    'The access key is a SecretId (AKID… or IKID…) with its SecretKey; a temporary one needs the `token` of its session, too. It signs in to the registry by tokens of one hour.',
    'User and password of `docker login` move content only: then each tag costs one HEAD, nothing is created or deleted, and repository names must be given.',
    'To read, the user needs tcr:DescribeInstances, CreateInstanceToken, DescribeRepositories, DescribeImages and PullRepository; to write, also PushRepository, DescribeNamespaces and CreateNamespace; to delete, DeleteImage.',
    'The instance is found by its host. For a custom domain set `options.instance`.',
    'Missing namespaces are created as destination.public says; the first push creates a repository.',
    'Old charts, which are in a ChartMuseum beside the registry, are not seen: `type: chartmuseum` with `options: { api: chartrepo }` reads them.',
    'The Individual Edition (ccr.ccs.tencentyun.com) is of `type: docker-registry`.',
  ],
  options: [
    {
      name: 'instance',
      description: 'The id of the instance, such as tcr-abc12345; default: by the host',
      type: 'text',
    },
    {
      name: 'region',
      description: 'The region of the instance, such as ap-guangzhou; default: as it says',
      type: 'text',
    },
    {
      name: 'api_url',
      description: 'Where the API answers; default https://tcr.tencentcloudapi.com',
      type: 'text',
    },
  ],
  signIn: async (found, registry, tools) => (await import('./open.ts')).signIn(found, registry, tools),
  hooks: {
    events: ['push', 'delete'],
    setup:
      'in the console under Trigger: address `URL`, header `Authorization: Bearer SECRET`, and the actions of pushing and deleting an image.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
