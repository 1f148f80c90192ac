/** The registry client against the strict registry in memory, plain and with the habits of others. */

import { type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { registryStores } from './registries.ts'
import { describeContentStore, type Limitations } from './store.ts'

const variants: readonly [string, MemoryRegistryOptions, Limitations][] = [
  ['a plain registry', {}, {}],
  ['a registry without referrers', { referrers: false }, {}],
  ['a registry that redirects to storage', { redirectBlobs: true, location: 'absolute' }, {}],
  ['a registry that ignores ranges and never mounts', { ignoreRange: true, mount: 202 }, { mount: false }],
  [
    'a registry with short answers',
    { omitDigestHeader: true, contentTypeCharset: true, tagsNull: true },
    { sha512: false },
  ],
  ['a registry that refuses HEAD of manifests', { headRefused: true }, {}],
  ['a registry with small pages', { pageSize: 7, link: 'opaque' }, {}],
  ['a registry without links', { pageSize: 7, link: 'none' }, {}],
  ['a registry without Docker types', { dockerTypes: false }, { dockerTypes: false }],
  ['a registry that cannot delete tags', { tagDelete: false }, { deleteTag: false }],
]

for (const [name, options, limitations] of variants) {
  describeContentStore(
    name,
    async () => {
      const registry = await startMemoryRegistry(options)
      return registryStores(registry.url, () => registry.close())
    },
    { limitations },
  )
}
