/** Opens JFrog Artifactory: its content, and what its own API adds to it. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Registry } from '../../src/core/registry.ts'
import { openArtifactory } from './api.ts'
import { contentOf } from './content.ts'
import { ensureKey, listRepositories } from './keys.ts'
import { createTagListing } from './tags.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const api = openArtifactory(registry, tools)
  const content = contentOf(registry, tools, api)
  const listTags = createTagListing(api)
  return {
    ping: (ctx) => api.check(ctx),
    repository: (name) => content.repository(name),
    repositories: (wanted, ctx) => listRepositories(wanted, api, content, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureKey(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, content.repository(name), ctx),
  }
}
