/** The API of DigitalOcean, as far as it concerns registries.
 *
 *  https://docs.digitalocean.com/reference/api/reference/container-registries/ */

import { z } from 'zod'
import type { AdapterTools, TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import type { Digest } from '../../src/core/descriptor.ts'
import { isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { askJson, itemsOf } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asPassword, asToken } from '../access-token.ts'
import { addressOf } from '../address.ts'
import { type Explain, explained } from '../explain.ts'
import { tagInfo } from '../told.ts'

const KNOWN = 'https://api.digitalocean.com'

/** The registry takes an API token as user name and password. */
export function asBoth(found: Credential): SentCredential {
  return asPassword(found, found.kind === 'bearer' ? found.token : undefined)
}

export interface DigitalOcean {
  namespaces(ctx: Context): AsyncIterable<string>
  repositories(namespace: string, ctx: Context): AsyncIterable<string>
  tags(repository: string, ctx: Context): AsyncIterable<TagInfo | string>
  /** What is gone is deleted already. */
  remove(repository: string, what: { readonly tag: string } | { readonly digest: Digest }, ctx: Context): Promise<void>
}

const NEXT = { links: z.looseObject({ pages: z.looseObject({ next: z.string().nullish() }).nullish() }).nullish() }
const REGISTRIES = z.looseObject({ registries: z.array(z.looseObject({ name: z.string() })).nullish() })
const REPOSITORIES = z.looseObject({ repositories: z.array(z.looseObject({ name: z.string() })).nullish(), ...NEXT })
const TAG = z.looseObject({ tag: z.string(), manifest_digest: z.string(), updated_at: z.string().nullish() })
const TAGS = z.looseObject({ tags: z.array(TAG).nullish(), ...NEXT })

export function openDigitalOcean(registry: Registry, tools: AdapterTools): DigitalOcean {
  const address = addressOf(registry, KNOWN)
  const token = async (): Promise<SentCredential> => asToken(await tools.credential())
  const http = (): HttpClient => tools.api({ url: address, name: 'api', credential: token })

  /** The address of the next page, on the API's own host. */
  function following(next: string | null | undefined): string | undefined {
    const url = next ? URL.parse(next) : null
    return url ? `${url.pathname}${url.search}` : undefined
  }

  return {
    async *namespaces(ctx) {
      const asked = askJson(http(), { url: '/v2/registries' }, REGISTRIES, 'registries', ctx)
      const { value } = await explained(asked, lacking('registry:read'))
      for (const { name } of value.registries ?? []) yield name
    },
    async *repositories(namespace, ctx) {
      const what = `repositories of ${namespace}`
      const read = async (url: string) => {
        const asked = askJson(http(), { url }, REPOSITORIES, what, ctx)
        const { value } = await explained(asked, lacking('registry:read'))
        return { items: value.repositories ?? [], next: following(value.links?.pages?.next) }
      }
      const first = `/v2/registries/${encodeURIComponent(namespace)}/repositoriesV2?per_page=100`
      for await (const { name } of itemsOf(first, read, what)) yield `${namespace}/${name}`
    },
    async *tags(repository, ctx) {
      const what = `tags of ${repository}`
      const read = async (url: string) => {
        const { value } = await explained(askJson(http(), { url }, TAGS, what, ctx), lacking('registry:read'))
        return { items: value.tags ?? [], next: following(value.links?.pages?.next) }
      }
      for await (const { tag, manifest_digest: digest, updated_at: pushed } of itemsOf(
        `${pathOf(repository)}/tags?per_page=100&page=1`,
        read,
        what,
      )) {
        yield tagInfo(tag, { digest, pushed })
      }
    },
    async remove(repository, what, ctx) {
      const rest = 'tag' in what ? `tags/${encodeURIComponent(what.tag)}` : `digests/${what.digest}`
      try {
        const request = { method: 'DELETE', url: `${pathOf(repository)}/${rest}` } as const
        const response = await explained(http().request(request, ctx), lacking('registry:delete'))
        await response.discard()
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
  }
}

/** Slashes in the name of a repository are encoded. */
function pathOf(repository: string): string {
  const [namespace = '', ...rest] = repository.split('/')
  return `/v2/registries/${encodeURIComponent(namespace)}/repositories/${encodeURIComponent(rest.join('/'))}`
}

function lacking(scope: string): Explain {
  return (error) =>
    error instanceof RegistryError && error.status === 403
      ? restated(error, error.message, `the API token needs the scope ${scope}`)
      : error
}
