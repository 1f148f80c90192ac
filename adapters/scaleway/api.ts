/** Scaleway's API of registries, which takes the secret key in a header of its own and knows namespaces, images and tags by their ids.
 *
 *  https://www.scaleway.com/en/developers/api/registry/ */

import { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import type { HttpRequest } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { remembered } from '../../src/core/remembered.ts'
import { askJson } from '../../src/oci/registry/pages.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'
import { addressOf } from '../address.ts'
import { countedItems } from '../counted.ts'
import { ensured } from '../ensured.ts'
import { type Explain, explained } from '../explain.ts'

const KNOWN = 'https://api.scaleway.com'
const PAGE = 100

const NAMED = z.looseObject({ id: z.string(), name: z.string() })
const TAG = z.looseObject({
  id: z.string(),
  name: z.string(),
  digest: z.string().nullish(),
  updated_at: z.string().nullish(),
})
const COUNT = { total_count: z.number().nullish() }
const NAMESPACES = z.looseObject({ namespaces: z.array(NAMED), ...COUNT })
const IMAGES = z.looseObject({ images: z.array(NAMED), ...COUNT })
const TAGS = z.looseObject({ tags: z.array(TAG), ...COUNT })

export type ScalewayTag = z.output<typeof TAG>

export interface Scaleway {
  hasKey(): Promise<boolean>
  namespaces(ctx: Context): AsyncIterable<string>
  ensureNamespace(name: string, isPublic: boolean, ctx: Context): Promise<void>
  images(namespace: string, ctx: Context): AsyncIterable<string>
  /** Throws a 404 for an image that does not exist. `name`: only that one. */
  tags(repository: string, ctx: Context, name?: string): AsyncIterable<ScalewayTag>
  /** What is gone is deleted already. */
  removeTag(id: string, ctx: Context): Promise<void>
}

export function openScaleway(registry: Registry, tools: AdapterTools): Scaleway {
  const { options, url } = registry
  const region = options?.region ?? /^rg\.([a-z]{2}-[a-z]{3})\./.exec(new URL(url ?? KNOWN).hostname)?.[1] ?? 'fr-par'
  const root = `/registry/v1/regions/${region}`

  async function key(): Promise<string | undefined> {
    const token = asToken(await tools.credential())
    return token.kind === 'bearer' ? token.token : undefined
  }

  async function signed(request: Omit<HttpRequest, 'method'> & Partial<HttpRequest>): Promise<HttpRequest> {
    const secret = await key()
    const headers = { ...request.headers, ...(secret === undefined ? {} : { 'x-auth-token': secret }) }
    return { method: 'GET', ...request, headers }
  }

  const http = () =>
    tools.api({
      url: addressOf(registry, KNOWN),
      name: 'api',
      credential: async () => ({ kind: 'anonymous', origin: 'x-auth-token' }),
    })

  function listed<T extends { readonly id: string }, A>(
    path: string,
    form: z.ZodType<A>,
    items: (answer: A) => { readonly items: readonly T[]; readonly total: number | null | undefined },
    what: string,
    ctx: Context,
  ): AsyncIterable<T> {
    return countedItems({
      size: PAGE,
      key: ({ id }) => id,
      what,
      path,
      async read(page) {
        const query = `${path.includes('?') ? '&' : '?'}order_by=created_at_asc&page=${page}&page_size=${PAGE}`
        const request = await signed({ url: `${root}${path}${query}` })
        const { value } = await explained(askJson(http(), request, form, what, ctx), lacking)
        const { items: found, total } = items(value)
        return { items: found, total: total ?? undefined }
      },
    })
  }

  const namespacesAt = (path: string, ctx: Context) =>
    listed(path, NAMESPACES, (answer) => ({ items: answer.namespaces, total: answer.total_count }), 'namespaces', ctx)

  const namespaceId = remembered(async (name: string, ctx) => {
    for await (const one of namespacesAt(`/namespaces?name=${encodeURIComponent(name)}`, ctx)) {
      if (one.name === name) return one.id
    }
    throw absent(`the namespace ${name}`, `${root}/namespaces`)
  })

  const imagesOf = (namespace: string, query: string, ctx: Context) =>
    listed(
      `/images?namespace_id=${encodeURIComponent(namespace)}${query}`,
      IMAGES,
      (answer) => ({ items: answer.images, total: answer.total_count }),
      'images',
      ctx,
    )

  const imageId = remembered(async (repository: string, ctx) => {
    const [namespace = '', ...rest] = repository.split('/')
    const name = rest.join('/')
    const query = `&name=${encodeURIComponent(name)}`
    for await (const one of imagesOf(await namespaceId(namespace, ctx), query, ctx))
      if (one.name === name) return one.id
    throw absent(`the image ${repository}`, `${root}/images`)
  })

  async function create(name: string, isPublic: boolean, ctx: Context): Promise<void> {
    const { project_id: project } = options ?? {}
    if (typeof project !== 'string') {
      throw new UnsupportedError(`there is no namespace ${name}, and no project is named to create it in`, {
        hint: 'create it there, or set `options: { project_id: … }`',
      })
    }
    const body = Buffer.from(JSON.stringify({ name, project_id: project, is_public: isPublic, description: '' }))
    const headers = { 'content-type': 'application/json' }
    const request = await signed({ method: 'POST', url: `${root}/namespaces`, headers, body })
    const response = await explained(http().request(request, ctx), lacking)
    await response.discard()
  }

  return {
    hasKey: async () => (await key()) !== undefined,
    async *namespaces(ctx) {
      for await (const { name } of namespacesAt('/namespaces', ctx)) yield name
    },
    async ensureNamespace(name, isPublic, ctx) {
      const exists = async (): Promise<boolean> => {
        try {
          await namespaceId(name, ctx)
          return true
        } catch (error) {
          if (isNotFound(error)) return false
          throw error
        }
      }
      await ensured(exists, () => create(name, isPublic, ctx), ctx)
    },
    async *images(namespace, ctx) {
      for await (const { name } of imagesOf(await namespaceId(namespace, ctx), '', ctx)) yield `${namespace}/${name}`
    },
    async *tags(repository, ctx, name) {
      const filter = name === undefined ? '' : `?name=${encodeURIComponent(name)}`
      const path = `/images/${await imageId(repository, ctx)}/tags${filter}`
      const items = (answer: z.output<typeof TAGS>) => ({ items: answer.tags, total: answer.total_count })
      yield* listed(path, TAGS, items, `tags of ${repository}`, ctx)
    },
    async removeTag(id, ctx) {
      try {
        const request = await signed({ method: 'DELETE', url: `${root}/tags/${encodeURIComponent(id)}` })
        const response = await explained(http().request(request, ctx), lacking)
        await response.discard()
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
  }
}

function absent(what: string, path: string): RegistryError {
  return new RegistryError(`${what} does not exist`, { status: 404, method: 'GET', path })
}

const lacking: Explain = (error) =>
  error instanceof RegistryError && error.status === 403
    ? restated(error, error.message, 'the key needs ContainerRegistryReadOnly, to write ContainerRegistryFullAccess')
    : error
