/** GitLab's REST API, whose address the registry's challenge tells.
 *
 *  https://docs.gitlab.com/api/container_registry/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { nextPage } from '../../src/oci/registry/listing.ts'
import { askJson, itemsOf, type Page } from '../../src/oci/registry/pages.ts'
import { asToken } from '../access-token.ts'

export interface GitLab {
  hasToken(): Promise<boolean>
  /** All items of a list below `/api/v4`. */
  items<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context): AsyncIterable<T>
}

export function openGitLab(registry: Registry, tools: AdapterTools): GitLab {
  const given = registry.options?.api_url
  let address: Promise<string> | undefined

  async function client(ctx: Context): Promise<HttpClient> {
    address ??= typeof given === 'string' ? Promise.resolve(given.replace(/\/+$/, '')) : addressOf(registry, tools, ctx)
    address.catch(() => {
      address = undefined
    })
    return tools.api({ url: await address, name: 'api', credential: () => tokenOf(tools) })
  }

  async function* items<T>(path: string, form: z.ZodType<T>, what: string, ctx: Context): AsyncIterable<T> {
    const http = await client(ctx)
    const first = `/api/v4${path}${path.includes('?') ? '&' : '?'}per_page=100`
    const read = async (url: string): Promise<Page<T>> => {
      const { value, response } = await askJson(http, { url }, z.array(form), what, ctx)
      return { items: value, next: nextPage(http, response.url, response.headers.link) }
    }
    yield* itemsOf(first, read, what)
  }

  return { hasToken: async () => (await tokenOf(tools)).kind === 'bearer', items }
}

/** Before `/jwt/auth`, where tokens are given out. */
async function addressOf(registry: Registry, tools: AdapterTools, ctx: Context): Promise<string> {
  const nobody = async (): Promise<SentCredential> => ({ kind: 'anonymous', origin: 'none' })
  const http = tools.api({ url: registry.url ?? '', name: 'challenge', credential: nobody })
  const response = await http.request({ method: 'GET', url: '/v2/', expect: [200, 401] }, ctx)
  await response.discard()
  const realm = /realm="([^"]*)"/.exec(response.headers['www-authenticate'] ?? '')?.[1]
  const url = realm?.replace(/\/jwt\/auth\/?$/, '')
  if (url && URL.canParse(url) && !(url.startsWith('http:') && registry.url?.startsWith('https:'))) return url
  throw new ConfigurationError(`registry ${registry.name} does not tell where its GitLab is`, {
    hint: 'set options: {api_url: https://gitlab.example.com}',
  })
}

/** An access token stands in the place of a password. */
async function tokenOf(tools: AdapterTools): Promise<SentCredential> {
  return asToken(await tools.credential())
}
