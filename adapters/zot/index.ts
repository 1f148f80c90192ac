/** zot, the registry that takes OCI content only unless it is told otherwise. */

import type { AdapterType } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { RegistryError } from '../../src/core/errors.ts'
import { ociRegistry } from '../../src/oci/registry.ts'
import { restated } from '../../src/oci/restate.ts'
import { parseEvents } from './events.ts'
import { createTagListing } from './search.ts'

export const zot: AdapterType = {
  identity: 'zot',
  name: 'zot',
  description: 'zot, an OCI-native registry',
  resources: ['image', 'chart'],
  filters: ['name', 'tag', 'resource'],
  listing:
    'its search extension gives the digests of a whole repository beside the tag list; without it, one HEAD a tag',
  credentials: ['anonymous', 'basic', 'token'],
  quirks: [
    'Docker schema 2 images are taken only with http.compat: ["docker2s2"] in its configuration.',
    'A manifest that an index names cannot be deleted before the index.',
    'With `extensions.search` in its configuration an unchanged repository costs three requests, however many tags it has.',
  ],
  parseEvents,
  open(registry, tools) {
    const adapter = ociRegistry(registry, tools, { referrers: true })
    const listTags = createTagListing(tools)
    return {
      ...adapter,
      repository: (name) => explaining(adapter.repository(name)),
      listTags: (name, ctx) => listTags(name, adapter.repository(name), ctx),
    }
  },
}

const HINT = 'zot takes Docker schema 2 only with `http.compat: ["docker2s2"]` in its configuration'

/** Says what to do where zot refuses Docker's media types. */
function explaining(store: ContentStore): ContentStore {
  return {
    ...store,
    async writeManifest(manifest, reference, ctx) {
      try {
        await store.writeManifest(manifest, reference, ctx)
      } catch (error) {
        const isDocker = manifest.mediaType.startsWith('application/vnd.docker.')
        if (!isDocker || !(error instanceof RegistryError) || error.status !== 415) throw error
        throw restated(error, `zot does not take ${manifest.mediaType}: ${error.message}`, HINT)
      }
    },
  }
}
