/** Opens GitLab: its content, repositories by its API, and tags with digests by the extension of its registry.
 *
 *  https://gitlab.com/gitlab-org/container-registry/-/blob/master/docs/spec/gitlab/api.md */

import { z } from 'zod'
import type { Adapter, AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explainedStore } from '../explain.ts'
import { tagInfo } from '../told.ts'
import { createRepositoryListing } from './api.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const adapter = ociRegistry(registry, tools)
  const hasExtension = once((ctx) => findExtension(tools, ctx))
  return {
    ...adapter,
    repository: (name) =>
      explainedStore(adapter.repository(name), (error, right) => (right === 'push' ? refused(error, name) : error)),
    repositories: createRepositoryListing(registry, tools),
    async *listTags(name, ctx) {
      yield* (await hasExtension(ctx)) ? tagsOf(name, tools, ctx) : adapter.repository(name).tags(ctx)
    },
  }
}

/** GitLab answers for a project that does not exist as for one that may not be written to. */
function refused(error: unknown, name: string): unknown {
  const hint = `create the project that ${name} belongs to and enable its container registry; the token needs write_registry and the role Developer`
  if (error instanceof CredentialError) return new CredentialError(error.message, { cause: error, hint })
  if (!(error instanceof RegistryError) || error.status !== 403) return error
  const isProtected = /protect/i.test(error.message)
  return restated(error, error.message, isProtected ? 'the tag or repository is protected there: exclude it' : hint)
}

/** True where the registry has its metadata database. */
async function findExtension(tools: AdapterTools, ctx: Context): Promise<boolean> {
  const request = { method: 'GET', url: '/gitlab/v1/', expect: [200, 401, 404], whole: 1024 * 1024 } as const
  const response = await tools.http().request(request, ctx)
  await response.discard()
  return response.status !== 404
}

const TAG = z.looseObject({
  name: z.string(),
  digest: z.string(),
  media_type: z.string().nullish(),
  created_at: z.string().nullish(),
  published_at: z.string().nullish(),
})

async function* tagsOf(repository: string, tools: AdapterTools, ctx: Context): AsyncIterable<TagInfo | string> {
  const http = tools.http()
  const what = `tags of ${repository}`
  const scopes = [`repository:${repository}:pull`]
  const path = repository.split('/').map(encodeURIComponent).join('/')
  const read = async (url: string) => {
    const { value, response } = await askJson(http, { url, scopes }, z.array(TAG), what, ctx)
    return { items: value, next: nextPage(http, response.url, response.headers.link) }
  }
  // It does not answer without the slash.
  for await (const tag of itemsOf(`/gitlab/v1/repositories/${path}/tags/list/?n=1000`, read, what)) {
    const { name, digest, media_type: mediaType, published_at, created_at } = tag
    yield tagInfo(name, { digest, mediaType, pushed: published_at ?? created_at })
  }
}
