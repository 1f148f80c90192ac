/** The API that Azure's registry has beside /v2/: lists, deletes of tags, locks, and what a refusal means.
 *
 *  https://learn.microsoft.com/rest/api/containerregistry/ */

import { z } from 'zod'
import type { TagInfo, WriteRules } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import { isRepositoryName } from '../../src/core/reference.ts'
import { remembered } from '../../src/core/remembered.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { explainedItems, ifAllowed, type Right } from '../explain.ts'
import { tagInfo, untaggedInfo } from '../told.ts'

export interface Acr {
  repositories(ctx: Context): AsyncIterable<string>
  /** Throws a `RegistryError` with status 404 where the repository does not exist. */
  tags(repository: string, ctx: Context): AsyncIterable<TagInfo & { readonly tag: string }>
  untagged(repository: string, ctx: Context): AsyncIterable<TagInfo>
  /** Removes just the tag; one that is not there is deleted already. */
  untag(repository: string, tag: string, ctx: Context): Promise<void>
  /** What is locked. Each repository is asked once. Locks of single tags are not looked at: lists may show them wrong,
   *  https://github.com/Azure/acr/issues/495. */
  locks(repository: string, ctx: Context): Promise<Locks>
  /** The error in words that say which permission is missing. */
  meaning(error: unknown, right: Right, repository: string, ctx: Context): Promise<unknown>
}

export interface Locks {
  readonly write: boolean
  readonly delete: boolean
}

/** A larger page is cut to this without a word: https://github.com/Azure/acr/issues/749 */
const PAGE_SIZE = 1000

const CATALOG = z
  .looseObject({ repositories: z.array(z.string()).nullish() })
  .transform(({ repositories }) => repositories ?? [])
const TAG = z.looseObject({ name: z.string(), digest: z.string(), lastUpdateTime: z.string().nullish() })
const TAGS = z.looseObject({ tags: z.array(TAG).nullish() }).transform(({ tags }) => tags ?? [])
const MANIFEST = z.looseObject({
  digest: z.string(),
  mediaType: z.string().nullish(),
  lastUpdateTime: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
})
const MANIFESTS = z
  .looseObject({ manifests: z.array(MANIFEST).nullish() })
  .transform(({ manifests }) => manifests ?? [])
const ATTRIBUTES = z.looseObject({
  changeableAttributes: z
    .looseObject({ writeEnabled: z.boolean().nullish(), deleteEnabled: z.boolean().nullish() })
    .nullish(),
})

/** `check` throws a `CredentialError` where the credential is not valid. */
export function openAcr(name: string, client: () => HttpClient, check: (ctx: Context) => Promise<void>): Acr {
  function pagesOf<T>(path: string, scope: string, what: string, form: z.ZodType<readonly T[]>, ctx: Context) {
    const http = client()
    const read = async (url: string) => {
      const { value, response } = await askJson(http, { url, scopes: [scope] }, form, what, ctx)
      return { items: value, next: nextPage(http, response.url, response.headers.link) }
    }
    return itemsOf(`${path}?n=${PAGE_SIZE}`, read, what)
  }

  /** The slashes of a name stay as they are. */
  function listOf<T>(repository: string, kind: 'tags' | 'manifests', form: z.ZodType<readonly T[]>, ctx: Context) {
    const path = `/acr/v1/${repository}/_${kind}`
    const items = pagesOf(path, metadata(repository), `${kind} of ${repository}`, form, ctx)
    return explainedItems(items, (error) => meaning(error, 'list', repository, ctx))
  }

  async function meaning(error: unknown, right: Right | 'catalog', repository: string, ctx: Context): Promise<unknown> {
    const known = hinted(error)
    if (known !== error || ctx.signal.aborted) return known
    const hint = hintOf(right, repository)
    if (error instanceof RegistryError && error.status === 403) return restated(error, error.message, hint)
    if (!(error instanceof CredentialError) || error.missing) return error
    try {
      await check(ctx)
    } catch {
      return error
    }
    // The credential is valid: the registry issues a token without the scopes that are not allowed, and then answers 401.
    const what = right === 'catalog' ? 'list the repositories' : `${RIGHTS[right].verb} ${repository}`
    return new RegistryError(`the credential for ${name} may not ${what}: ${error.message}`, {
      ...{ status: 403, method: 'GET', path: right === 'catalog' ? '/acr/v1/_catalog' : `/v2/${repository}` },
      hint,
      cause: error,
    })
  }

  return {
    async *repositories(ctx) {
      const what = `repositories of ${name}`
      const names = pagesOf('/acr/v1/_catalog', 'registry:catalog:*', what, CATALOG, ctx)
      let isEmpty = true
      for await (const one of explainedItems(names, (error) => meaning(error, 'catalog', '', ctx))) {
        isEmpty = false
        if (isRepositoryName(one)) yield one
        else
          ctx.emit({ type: 'log', level: 'warning', text: `left out: ${JSON.stringify(one)} is not a repository name` })
      }
      if (!isEmpty) return
      const text = `the catalogue of ${name} is empty; a token whose scope map does not cover all repositories sees none: name them in the policy's name filter`
      ctx.emit({ type: 'log', level: 'warning', text })
    },
    async *tags(repository, ctx) {
      for await (const { name: tag, digest, lastUpdateTime: pushed } of listOf(repository, 'tags', TAGS, ctx)) {
        const info = tagInfo(tag, { digest, pushed })
        if (typeof info !== 'string') yield info
      }
    },
    async *untagged(repository, ctx) {
      for await (const { tags, lastUpdateTime: pushed, ...found } of listOf(repository, 'manifests', MANIFESTS, ctx)) {
        const info = tags?.length ? undefined : untaggedInfo({ ...found, pushed })
        if (info) yield info
      }
    },
    async untag(repository, tag, ctx) {
      const scopes = [`repository:${repository}:delete`]
      const url = `/acr/v1/${repository}/_tags/${tag}`
      const response = await client().request({ method: 'DELETE', url, scopes, expect: [200, 202, 404] }, ctx)
      await response.discard()
    },
    locks: remembered(async (repository: string, ctx) => {
      const request = { url: `/acr/v1/${repository}`, scopes: [metadata(repository)] }
      // Nothing is known of a repository that does not exist yet.
      const answer = await ifAllowed(askJson(client(), request, ATTRIBUTES, `attributes of ${repository}`, ctx))
      const { writeEnabled, deleteEnabled } = answer?.value.changeableAttributes ?? {}
      return { write: writeEnabled === false, delete: deleteEnabled === false }
    }),
    meaning,
  }
}

function metadata(repository: string): string {
  return `repository:${repository}:metadata_read`
}

export function rulesOf(repository: string, { write }: Locks): WriteRules {
  if (!write) return {}
  const hint = `az acr repository update --repository ${repository} --write-enabled true`
  return { refused: { reason: `repository ${repository} is locked against writes`, hint } }
}

/** In Azure's words: the role, that of registries with ABAC, and the action of a scope map. */
const RIGHTS = {
  pull: { verb: 'pull from', role: 'AcrPull', abac: 'Reader', action: 'content/read' },
  list: { verb: 'list the tags of', role: 'AcrPull', abac: 'Reader', action: 'metadata/read' },
  push: { verb: 'push to', role: 'AcrPush', abac: 'Writer', action: 'content/write' },
  delete: { verb: 'delete in', role: 'AcrDelete', abac: 'Contributor', action: 'content/delete' },
} as const

function hintOf(right: Right | 'catalog', repository: string): string {
  if (right === 'catalog') {
    return "give repository names in the policy's name filter; with ABAC the catalogue needs the role Container Registry Repository Catalog Lister"
  }
  const { role, abac, action } = RIGHTS[right]
  return `give it the role ${role} (with ABAC Container Registry Repository ${abac}); a token needs repositories/${repository}/${action} in its scope map`
}

/** With a hint where Azure's words are known. The firewall refuses at the token server too, which says nothing of the credential. */
export function hinted(error: unknown): unknown {
  if (!(error instanceof RegistryError) && !(error instanceof CredentialError)) return error
  if (/client with IP .* is not allowed|aka\.ms\/acr\/firewall/i.test(error.message)) {
    const hint = "allow this machine's address in the registry's network rules, or go through its private endpoint"
    return error instanceof RegistryError
      ? restated(error, error.message, hint)
      : new RegistryError(error.message, { status: 403, method: 'GET', path: '/oauth2/token', hint, cause: error })
  }
  if (error instanceof RegistryError && error.status === 405 && isDisallowed(error)) {
    const hint =
      'the repository, manifest or tag is locked: az acr repository update --write-enabled true --delete-enabled true'
    return restated(error, error.message, hint)
  }
  return error
}

function isDisallowed({ codes, message }: RegistryError): boolean {
  return codes.includes('REGISTRY_DISALLOWED_OPERATION') || /operation is disallowed/i.test(message)
}
