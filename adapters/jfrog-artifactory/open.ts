/** Opens JFrog Artifactory: one registry below each key, reached by a path that no reverse proxy has to know, and its API. */

import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explainedStore } from '../explain.ts'
import { tagsAt } from '../told.ts'
import { type Artifactory, openArtifactory, splitName } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const api = openArtifactory(registry, tools)
  const registries = new Map<string, Adapter>()
  const stores = new Map<string, ContentStore>()

  /** The registry of one key, whose names are without the key. */
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

  function repository(name: string): ContentStore {
    const { key, image } = splitName(name)
    const known = stores.get(name) ?? storeBelow(below(key).repository(image), key, image, api)
    stores.set(name, known)
    return known
  }

  return {
    ping: (ctx) => api.check(ctx),
    repository,
    repositories: (wanted, ctx) => listRepositories(wanted, api, below, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureKey(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, repository(name), ctx),
  }
}

/** The images below the keys that the patterns spell out; else below all that the credential sees. A key that cannot be listed does not
 *  hide the others, unless none may be read. */
async function* listRepositories(
  wanted: Wanted,
  api: Artifactory,
  below: (key: string) => Adapter,
  ctx: Context,
): AsyncIterable<string> {
  let isRead = false
  let refusal: unknown
  for (const key of topsOf(wanted) ?? (await api.keys(ctx)).map((one) => one.key)) {
    try {
      for await (const image of below(key).repositories?.({ namespaces: [], names: [] }, ctx) ?? []) {
        yield `${key}/${image}`
      }
      isRead = true
    } catch (error) {
      const isRefused = error instanceof CredentialError || (error instanceof RegistryError && error.status === 403)
      if (!isRefused && !isNotFound(error)) throw error
      if (isRefused) refusal ??= error
      const text = `the repository ${key} of Artifactory is left out: ${error.message}`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
  }
  if (!isRead && refusal !== undefined) throw refusal
}

/** Creates a local repository of that key, unless it exists. */
async function ensureKey(namespace: string, api: Artifactory, ctx: Context): Promise<void> {
  const [key = ''] = namespace.split('/')
  const found = (await api.keys(ctx)).find((one) => one.key.toLowerCase() === key.toLowerCase())
  if (found?.type === 'remote') {
    throw new UnsupportedError(`${key} is a remote repository of Artifactory: nothing can be pushed to it`, {
      hint: 'set destination.namespace to a local repository',
    })
  }
  if (found) return
  const body = Buffer.from(JSON.stringify({ key, rclass: 'local', packageType: api.packageType }))
  const headers = { 'content-type': 'application/json' }
  const url = `/api/repositories/${encodeURIComponent(key)}`
  try {
    const response = await api.http.request({ method: 'PUT', url, headers, body }, ctx)
    await response.discard()
  } catch (error) {
    // Created meanwhile, or hidden from this account.
    if (error instanceof RegistryError && /already exists/i.test(error.message)) return
    throw notCreated(error, key)
  }
}

function notCreated(error: unknown, key: string): unknown {
  const message = `cannot create the repository ${key}`
  const hint = `an administrator of Artifactory must create ${key}; or set create: false where it is there and hidden`
  if (error instanceof CredentialError)
    return new CredentialError(`${message}: ${error.message}`, { cause: error, hint })
  return error instanceof RegistryError ? restated(error, `${message}: ${error.message}`, hint) : error
}

async function* listTags(
  repository: string,
  api: Artifactory,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const { key, image } = splitName(repository)
  let found = 0
  try {
    for await (const info of api.tags(key, image, ctx)) {
      found += 1
      yield info
    }
  } catch (error) {
    if (found > 0 || !(error instanceof RegistryError) || (error.status !== 400 && error.status !== 403)) throw error
    const text = `${repository}: the query is refused, so tags are listed: ${error.message}`
    ctx.emit({ type: 'log', level: 'debug', text })
  }
  // Remote and virtual repositories hold nothing of their own, and the registry says 404 for what does not exist.
  if (found === 0) yield* store.tags(ctx)
}

function storeBelow(plain: ContentStore, key: string, image: string, api: Artifactory): ContentStore {
  const { mountBlob } = plain
  /** Deletes the tag's folder, which the Docker API of older versions cannot. */
  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const path = [key, ...image.split('/'), tag].map(encodeURIComponent).join('/')
    const request = { method: 'DELETE', url: `/${path}`, expect: [200, 204, 404] } as const
    await (await api.http.request(request, ctx)).discard()
  }
  return explainedStore(
    {
      ...plain,
      deleteTag,
      deletes: async () => 'tag',
      async deleteManifest(digest, ctx) {
        for (const tag of await tagsAt(digest, plain.tags(ctx), plain, ctx)) await deleteTag(tag, ctx)
        await deleteTag(digest, ctx)
      },
      // Only within one key.
      ...(mountBlob && {
        mountBlob: async (blob, from, ctx) => {
          const other = splitName(from)
          return other.key === key && (await mountBlob(blob, other.image, ctx))
        },
      }),
    },
    hinted,
  )
}

function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError) || ![400, 401, 403].includes(error.status)) return error
  if (/needs DELETE permission|delete\/overwrite/i.test(error.message)) {
    return restated(error, error.message, 'the account needs the permission Delete/Overwrite to move or delete a tag')
  }
  return /xray/i.test(error.message) ? restated(error, error.message, 'a policy of Xray blocks the artifact') : error
}

/** A reverse proxy that hides its own address makes uploads go to one that is unknown outside: their id is enough. */
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
