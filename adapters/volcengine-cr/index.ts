/** Volcengine's Container Registry: content from the registry of an instance, lists, namespaces, repositories and deletes through its API. */

import type { AdapterType } from '../../src/core/adapter.ts'

export const volcengineCr: AdapterType = {
  identity: 'volcengine-cr',
  name: 'Volcengine Container Registry',
  description: 'Container Registry of Volcengine; that of BytePlus by its options',
  hosts: [/^.+-(cn|ap)-[a-z0-9-]+\.cr\.i?volces\.com$/],
  short: 'volcengine',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  depth: { min: 2 },
  names: [
    { pattern: /^[^/]{2,90}\//, rule: 'a namespace of 2 to 90 characters' },
    { pattern: /^[^/]+\/.{2,128}$/, rule: '2 to 128 characters after the namespace' },
  ],
  listing:
    "Volcengine's API gives 100 tags with their digests a call; without an access key tag lists, then one HEAD a tag",
  credentials: ['access_key', 'basic', 'anonymous'],
  quirks: [
    'The password of `docker login` (user NAME@ACCOUNT) moves content only: then each tag costs one HEAD, repositories must be named, and those that are pushed to must exist.',
    'To read, the user needs cr:ListRegistries, GetAuthorizationToken, ListRepositories and ListTags; to write, also ListNamespaces, CreateNamespace and CreateRepository; to delete, DeleteTags.',
    'A name is NAMESPACE/REPOSITORY, and a repository may have more parts. Namespaces and repositories are created, repositories as destination.public says.',
    'Public access to an instance may be off, or for some addresses only; `.cr.ivolces.com` is its address within a VPC.',
    'Its API takes few requests a second: limits.requests_per_second: 5 keeps it content.',
    'What its webhooks send is not documented: use `poll` or a schedule.',
  ],
  checked: 'a fake that checks signatures; not run against the live service',
  options: [
    {
      name: 'instance',
      description: 'The name of the instance, where the host of `url` does not say it',
      type: 'text',
    },
    { name: 'region', description: 'Its region, where the host of `url` does not say it: cn-beijing', type: 'text' },
    { name: 'api_url', description: 'Where the API answers; default https://open.volcengineapi.com', type: 'text' },
  ],
  signIn: async (found, registry, tools) => (await import('./sign-in.ts')).signIn(found, registry, tools),
  open: async (registry, tools) => (await import('./open.ts')).open(registry, tools),
}
