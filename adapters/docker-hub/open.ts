/** Opens Docker Hub: content from its registry, lists and deletes through its API. */

import { z } from 'zod'
import type { Adapter, AdapterTools, TagInfo, Wanted } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { topsOf } from '../../src/oci/registry/wanted.ts'
import { explained } from '../explain.ts'
import { tagInfo, tagsAt } from '../told.ts'
import { type HubApi, lacking, openHubApi } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  // https://github.com/docker/hub-feedback/issues/2372
  const adapter = ociRegistry(registry, tools, { unprovenSubject: true })
  const api = openHubApi(registry, tools)
  return {
    ...adapter,
    repository: (name) => hubRepository(adapter.repository(name), name, api),
    repositories: (wanted, ctx) => listRepositories(wanted, api, ctx),
    ensureNamespace: (namespace, _options, ctx) => ensureNamespace(namespace, api, ctx),
    listTags: (name, ctx) => listTags(name, api, adapter.repository(name), ctx),
  }
}

const REPOSITORY = z.looseObject({ name: z.string() })

/** The repositories of the namespaces that the patterns spell out; else of all that the account has. */
async function* listRepositories(wanted: Wanted, api: HubApi, ctx: Context): AsyncIterable<string> {
  const tops = topsOf(wanted)
  if (!tops && (await api.account()) === undefined) {
    throw new UnsupportedError('Docker Hub does not list all its repositories to anonymous access', {
      hint: 'name the namespaces (source.namespaces, or name: library/*), or give a credential for those of its account',
    })
  }
  for (const namespace of tops ?? (await api.namespaces(ctx))) {
    const path = `/v2/namespaces/${encodeURIComponent(namespace)}/repositories`
    for await (const { name } of api.results(path, REPOSITORY, `repositories of ${namespace}`, ctx)) {
      yield `${namespace}/${name}`
    }
  }
}

/** Creates nothing: the account's own namespace and those of its organizations exist. */
async function ensureNamespace(namespace: string, api: HubApi, ctx: Context): Promise<void> {
  const account = await api.account()
  if (account === undefined || account === namespace) return
  let known: readonly string[]
  try {
    known = await api.namespaces(ctx)
  } catch (error) {
    // Some access tokens may push and may not ask this.
    if (!(error instanceof RegistryError)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `Docker Hub does not tell its namespaces: ${error.message}` })
    return
  }
  if (known.includes(namespace)) return
  throw new UnsupportedError(`the account ${account} has no namespace ${namespace} at Docker Hub`, {
    hint: 'create the organization on hub.docker.com, or set destination.namespace to one of your own',
  })
}

const TAG = z.looseObject({
  name: z.string(),
  // Old tags have none: the digests of their images are those of children.
  digest: z.string().nullish(),
  tag_last_pushed: z.string().nullish(),
})

async function* listTags(
  repository: string,
  api: HubApi,
  store: ContentStore,
  ctx: Context,
): AsyncIterable<TagInfo | string> {
  const seen = new Set<string>()
  const [namespace = '', ...rest] = repository.split('/').map(encodeURIComponent)
  const path = `/v2/namespaces/${namespace}/repositories/${rest.join('%2F')}/tags`
  try {
    for await (const { name, digest, tag_last_pushed: pushed } of api.results(
      path,
      TAG,
      `tags of ${repository}`,
      ctx,
    )) {
      if (seen.has(name)) continue
      seen.add(name)
      yield tagInfo(name, { digest, pushed })
    }
  } catch (error) {
    if (!isDepthLimit(error)) throw error
    ctx.emit({ type: 'log', level: 'debug', text: `${repository}: the rest of its tags is listed by the registry` })
    for await (const name of store.tags(ctx)) if (!seen.has(name)) yield name
  }
}

/** Anonymous access may not page further: https://github.com/goharbor/harbor/issues/23819 */
function isDepthLimit(error: unknown): boolean {
  return error instanceof RegistryError && error.status === 403 && /offset too large|sign in/i.test(error.message)
}

/** Tags are deleted through the API. */
function hubRepository(store: ContentStore, name: string, api: HubApi): ContentStore {
  async function deleteTag(tag: string, ctx: Context): Promise<void> {
    const url = `/v2/repositories/${name}/tags/${encodeURIComponent(tag)}/`
    // 404: it is gone already.
    const request = { method: 'DELETE', url, expect: [200, 202, 204, 404] } as const
    const response = await explained(api.http.request(request, ctx), lacking('"Read, Write & Delete"'))
    await response.discard()
  }
  return {
    ...store,
    deleteTag,
    deletes: async () => 'tag',
    // The registry refuses a manifest that still has a tag (403).
    async deleteManifest(digest, ctx) {
      for (const tag of await tagsAt(digest, listTags(name, api, store, ctx), store, ctx)) await deleteTag(tag, ctx)
      await store.deleteManifest?.(digest, ctx)
    },
  }
}
