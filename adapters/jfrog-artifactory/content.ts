/** Content of Artifactory: one registry below each key, reached by a path that no reverse proxy has to know. */

import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { type Artifactory, splitName } from './api.ts'

export interface Content {
  repository(name: string): ContentStore
  /** The registry of one key, whose names are without the key. */
  below(key: string): Adapter
}

export function contentOf(registry: Registry, tools: AdapterTools, api: Artifactory): Content {
  const registries = new Map<string, Adapter>()
  const stores = new Map<string, ContentStore>()

  function below(key: string): Adapter {
    const url = `${api.url}/api/${api.packageType}/${encodeURIComponent(key)}`
    const http = (): HttpClient => relocated(tools.api({ url, name: 'content' }))
    const known =
      registries.get(key) ??
      // A PUT with the blob in it is answered with 404 by some versions: https://github.com/moby/buildkit/issues/1130
      ociRegistry(registry, { ...tools, http }, { upload: { strategy: 'patch' } })
    registries.set(key, known)
    return known
  }

  return {
    below,
    repository(name) {
      const { key, image } = splitName(name)
      const known = stores.get(name) ?? storeBelow(below(key).repository(image), key, image, api)
      stores.set(name, known)
      return known
    },
  }
}

function storeBelow(store: ContentStore, key: string, image: string, api: Artifactory): ContentStore {
  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const path = [key, ...image.split('/'), tag].map(encodeURIComponent).join('/')
    try {
      const response = await api.http.request({ method: 'DELETE', url: `/${path}` }, ctx)
      await response.discard()
    } catch (error) {
      if (!isNotFound(error)) throw explained(error)
    }
  }
  const { mountBlob } = store
  return {
    ...store,
    // The tag's folder, which the Docker API of older versions cannot delete.
    deleteTag,
    deletes: async () => 'tag',
    async deleteManifest(digest, ctx) {
      for await (const tag of store.tags(ctx)) {
        if ((await store.resolve(tag, ctx))?.digest === digest) await deleteTag(tag, ctx)
      }
      await deleteTag(digest, ctx)
    },
    writeManifest: (manifest, reference, ctx) =>
      store.writeManifest(manifest, reference, ctx).catch((error: unknown) => {
        throw explained(error)
      }),
    // Only within one key.
    ...(mountBlob
      ? {
          mountBlob: async (blob, from, ctx) => {
            const other = splitName(from)
            return other.key === key && (await mountBlob(blob, other.image, ctx))
          },
        }
      : {}),
  }
}

function explained(error: unknown): unknown {
  if (!(error instanceof RegistryError) || ![400, 401, 403].includes(error.status)) return error
  if (/needs DELETE permission|delete\/overwrite/i.test(error.message)) {
    return restated(error, error.message, 'the account needs the permission Delete/Overwrite to move a tag')
  }
  return /xray/i.test(error.message) ? restated(error, error.message, 'a policy of Xray blocks the artifact') : error
}

/** Behind a reverse proxy that does not say who it is, uploads go to an address that nobody outside knows: their id is enough. */
function relocated(http: HttpClient): HttpClient {
  return {
    ...http,
    async request(request, ctx) {
      const response = await http.request(request, ctx)
      const { 'docker-upload-uuid': id, location } = response.headers
      const uploads = /^(?:https?:\/\/[^/]+)?.*?(\/v2\/.*\/blobs\/uploads\/)/.exec(request.url)?.[1]
      if (!id || !location || !uploads) return response
      const own = `${http.url}${uploads}${encodeURIComponent(id)}${new URL(location, http.url).search}`
      return { ...response, headers: { ...response.headers, location: own } }
    },
  }
}
