/** Opens Gitea and Forgejo: content from their registry, owners through their API. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { looksLikeDigest } from '../../src/core/descriptor.ts'
import { CredentialError, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explainedStore, type Right } from '../explain.ts'
import { ensureOwner } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools, {
    // What a broken request leaves in an upload makes it refuse all that follows (errOffsetMismatch):
    // https://github.com/go-gitea/gitea/blob/main/services/packages/container/blob_uploader.go
    upload: { strategy: 'put', status: 'none' },
    referrers: false,
  })
  return {
    ...adapter,
    repository: (name) => ({
      ...ofLowerCase(explainedStore(adapter.repository(name), (error, right) => hinted(error, right, name))),
      deletes: async () => 'tag',
    }),
    ensureNamespace: (namespace, options, ctx) => ensureOwner(namespace, options.public, registry, tools, ctx),
  }
}

/** A tag with capital letters would be found under its name, and listed under another, which a mirror would delete. */
function ofLowerCase(store: ContentStore): ContentStore {
  return {
    ...store,
    async writeManifest(manifest, reference, ctx) {
      if (!looksLikeDigest(reference) && reference !== reference.toLowerCase()) {
        throw new UnsupportedError(`Gitea and Forgejo would store the tag ${reference} as ${reference.toLowerCase()}`, {
          hint: 'leave such tags out by the filter `tag`',
        })
      }
      await store.writeManifest(manifest, reference, ctx)
    },
  }
}

function hinted(error: unknown, right: Right, repository: string): unknown {
  const [owner = ''] = repository.split('/')
  const scope = right === 'push' || right === 'delete' ? 'write:package' : 'read:package'
  const needed = `the token needs ${scope}, and its user that right at ${owner}`
  if (error instanceof CredentialError && !error.missing) {
    return new CredentialError(error.message, { cause: error, hint: needed })
  }
  if (!(error instanceof RegistryError)) return error
  if (error.status === 403 && right === 'push') {
    return restated(error, error.message, `${needed}; a quota of packages may be used up, too`)
  }
  if (error.status === 403) return restated(error, error.message, needed)
  if (error.status === 404 && right === 'push' && error.codes.length === 0) {
    return restated(error, error.message, `there is no user or organization ${owner}: create it there`)
  }
  return error
}
