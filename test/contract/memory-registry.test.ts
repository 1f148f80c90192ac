/** The registry client against the strict registry in memory, plain and with the habits of others. */

import { type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'
import { registryStores } from './registries.ts'
import { describeContentStore, type Limitations } from './store.ts'

/** Where there is the referrers API, the fallback tag is not read beside it. */
const api: Limitations = { fallbackTag: false }

const variants: readonly [string, MemoryRegistryOptions, Limitations][] = [
  ['a plain registry', {}, api],
  ['a registry without referrers', { referrers: false }, {}],
  ['a registry that redirects to storage', { redirectBlobs: true, location: 'absolute' }, api],
  ['a registry that ignores ranges and never mounts', { ignoreRange: true, mount: 202 }, { ...api, mount: false }],
  ['a registry with short answers', { omitDigestHeader: true, contentTypeCharset: true, tagsNull: true }, api],
  ['a registry that refuses HEAD of manifests', { headRefused: true }, api],
  ['a registry with small pages', { pageSize: 7, link: 'opaque' }, api],
  ['a registry without links', { pageSize: 7, link: 'none' }, api],
  ['a registry without Docker types', { dockerTypes: false }, { ...api, dockerTypes: false }],
  ['a registry that cannot delete tags', { tagDelete: false }, { ...api, deleteTag: false }],
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
