/** Opens zot: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { createTagListing } from './search.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, { referrers: true })
  const listTags = createTagListing(tools)
  return {
    ...adapter,
    repository: (name) => explaining(adapter.repository(name)),
    listTags: (name, ctx) => listTags(name, adapter.repository(name), ctx),
  }
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
