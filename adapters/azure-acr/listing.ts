/** What the registry's own API lists: repositories, tags with their digests, manifests.
 *
 *  https://learn.microsoft.com/rest/api/containerregistry/ */

import { z } from 'zod'
import type { TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { isRepositoryName } from '../../src/core/reference.ts'
import { timeFrom } from '../../src/core/time.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { type Acr, toldOf } from './refusals.ts'

/** More is cut to that without a word: https://github.com/Azure/acr/issues/749 */
const PAGE_SIZE = 1000

const CATALOG = z.looseObject({ repositories: z.array(z.string()).nullish() })
const TAGS = z.looseObject({
  tags: z
    .array(z.looseObject({ name: z.string(), digest: z.string(), lastUpdateTime: z.string().nullish() }))
    .nullish(),
})
const MANIFESTS = z.looseObject({
  manifests: z
    .array(
      z.looseObject({
        digest: z.string(),
        mediaType: z.string().nullish(),
        imageSize: z.number().nullish(),
        lastUpdateTime: z.string().nullish(),
        tags: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
})

/** A catalogue that is empty may be one that is hidden: that is said. */
export async function* listRepositories(acr: Acr, ctx: Context): AsyncIterable<string> {
  const path = '/acr/v1/_catalog'
  const what = `repositories of ${acr.name}`
  const form = CATALOG.transform(({ repositories }) => repositories ?? [])
  let isEmpty = true
  const names = pagesOf({ acr, path, scope: 'registry:catalog:*', what }, form, ctx)
  for await (const name of toldOf(names, 'catalog', '', acr, ctx)) {
    isEmpty = false
    if (isRepositoryName(name)) yield name
    else ctx.emit({ type: 'log', level: 'warning', text: `left out: ${JSON.stringify(name)} is no repository name` })
  }
  if (!isEmpty) return
  const text = `the catalogue of ${acr.name} is empty; a token whose scope map does not cover all repositories sees none: name them in the policy's name filter`
  ctx.emit({ type: 'log', level: 'warning', text })
}

/** Throws a `RegistryError` with status 404 where the repository is not there. */
export async function* listTags(
  repository: string,
  withUntagged: boolean,
  acr: Acr,
  ctx: Context,
): AsyncIterable<TagInfo> {
  yield* toldOf(tagsOf(repository, acr, ctx), 'list', repository, acr, ctx)
  if (withUntagged) yield* toldOf(untaggedOf(repository, acr, ctx), 'list', repository, acr, ctx)
}

async function* tagsOf(repository: string, acr: Acr, ctx: Context): AsyncIterable<TagInfo> {
  const form = TAGS.transform(({ tags }) => tags ?? [])
  for await (const { name, digest: text, lastUpdateTime } of pagesOf(place(repository, '_tags', acr), form, ctx)) {
    const digest = parseDigest(text)
    if (digest) yield { tag: name, digest, ...pushed(lastUpdateTime) }
  }
}

async function* untaggedOf(repository: string, acr: Acr, ctx: Context): AsyncIterable<TagInfo> {
  const form = MANIFESTS.transform(({ manifests }) => manifests ?? [])
  for await (const found of pagesOf(place(repository, '_manifests', acr), form, ctx)) {
    const digest = parseDigest(found.digest)
    if (!digest || found.tags?.length) continue
    const { mediaType, imageSize: size, lastUpdateTime } = found
    yield { digest, ...(mediaType ? { mediaType } : {}), ...(size ? { size } : {}), ...pushed(lastUpdateTime) }
  }
}

interface Place {
  readonly acr: Acr
  readonly path: string
  readonly scope: string
  readonly what: string
}

/** The slashes of a name stay as they are. */
function place(repository: string, kind: '_tags' | '_manifests', acr: Acr): Place {
  const what = `${kind.slice(1)} of ${repository}`
  return { acr, path: `/acr/v1/${repository}/${kind}`, scope: `repository:${repository}:metadata_read`, what }
}

function pagesOf<T>({ acr, path, scope, what }: Place, form: z.ZodType<readonly T[]>, ctx: Context): AsyncIterable<T> {
  const http = acr.http()
  return itemsOf(
    `${path}?n=${PAGE_SIZE}`,
    async (url) => {
      const { value, response } = await askJson(http, { url, scopes: [scope] }, form, what, ctx)
      return { items: value, next: nextPage(http, response.url, response.headers.link) }
    },
    what,
  )
}

function pushed(time: string | null | undefined): Pick<TagInfo, 'pushed'> {
  const date = timeFrom(time)
  return date ? { pushed: date } : {}
}
