/** Alibaba Cloud Container Registry, personal and enterprise: content from the registry, lists, namespaces, repositories and deletes through
 *  Alibaba Cloud's API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const aliAcr: AdapterType = {
  identity: 'ali-acr',
  name: 'Alibaba Cloud Container Registry',
  description: 'Alibaba Cloud Container Registry, Personal Edition and instances of the Enterprise Edition',
  hosts: [
    /^registry(-vpc|-internal)?\.[a-z0-9-]+\.aliyuncs\.com$/,
    /^crpi-[a-z0-9-]+\.[a-z0-9-]+\.personal\.cr\.aliyuncs\.com$/,
    /^[a-z0-9-]+-registry(-vpc)?\.[a-z0-9-]+\.cr\.aliyuncs\.com$/,
  ],
  short: 'acr-cn',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2, max: 2 },
  names: [
    {
      pattern: /^(?=[^/]{2,120}\/)[a-z0-9]+(?:[._-]+[a-z0-9]+)*\//,
      rule: 'a namespace of 2 to 120 lower-case letters and digits, with dots, hyphens and underscores between them',
    },
  ],
  listing:
    "Alibaba Cloud's API gives 100 tags with their digests a call; without its key tag lists, then one HEAD a tag",
  credentials: ['access_key', 'basic', 'anonymous'],
  checked: 'a fake of each edition that checks signatures; not run against the live service',
  quirks: [
    'The access key is an AccessKeyId (LTAI…) with its secret; a temporary one (STS.…) needs the `token` of its session, too. It signs in to the registry by tokens of one hour.',
    'User and registry password of `docker login` move content only: then each tag costs one HEAD, nothing is created, repository names must be given, and tags of private repositories of the Personal Edition may not be listed.',
    'To read, the RAM user needs the policy AliyunContainerRegistryReadOnlyAccess; to write, create and delete, AliyunContainerRegistryFullAccess.',
    'The registry itself says which edition it is, and the Enterprise Edition which instance. Where it does not, set `options.region` and `options.instance`.',
    'Names have two parts: `flatten` makes deeper ones fit.',
    'Missing namespaces and repositories are created as destination.public says. A Personal Edition has few of both.',
    'Of a repository with immutable tags none is moved or deleted.',
    'Only the API deletes: just the tag.',
    'A RAM user must have opened the console of Container Registry once (USER_NOT_EXIST).',
  ],
  options: [
    { name: 'region', description: 'The region, such as cn-hangzhou; default: as the registry says', type: 'text' },
    {
      name: 'instance',
      description: 'The id of an instance of the Enterprise Edition, such as cri-abc123; default: as the registry says',
      type: 'text',
    },
    {
      name: 'api_url',
      description:
        'Where the API answers; default https://cr.REGION.aliyuncs.com, within a network https://cr-vpc.REGION.aliyuncs.com',
      type: 'text',
    },
  ],
  signIn: async (found, registry, tools) => (await import('./open.ts')).signIn(found, registry, tools),
  hooks: {
    events: ['push', 'scan'],
    setup:
      'as a trigger of each repository, with the address `URL?token=SECRET`. Or, of the Enterprise Edition, by a rule of EventBridge for the source `acs.cr` and the types `cr:Artifact:PushCompleted` and, for `scan`, `cr:Artifact:ScanCompleted`, whose target is HTTPS with the complete event and the same address. Deletes are not told: use `poll`.',
  },
  parseEvents: async (delivery) => (await import('./events.ts')).parseEvents(delivery),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
