/** Scaleway's registry in memory, with its API at the same address: ids, pages, and the key in a header of its own. */

import { createHash } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const SCW_KEY = '11111111-2222-3333-4444-555555555555'
export const SCW_PROJECT = 'd4c3139f-3010-4e5f-9e73-0f2df2d242f0'

export interface FakeScaleway extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly namespaces: Map<string, boolean>
}

const idOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const ROOT = '/registry/v1/regions/fr-par/'

export async function startScaleway(): Promise<FakeScaleway> {
  const switches = createSwitches()
  const namespaces = new Map([['contract', false]])
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', user: 'nologin', password: SCW_KEY },
    catalog: false,
    fault: switches.faultOf,
    intercept: async (call) => (call.url.pathname.startsWith(ROOT) ? await api(call) : undefined),
  })

  async function api(call: Call): Promise<Reply> {
    const { headers, method, url } = call
    if (headers['x-auth-token'] !== SCW_KEY) {
      return json(401, { type: 'denied_authentication', method: 'api_key', reason: 'invalid_argument' })
    }
    const [kind, id, list] = url.pathname.slice(ROOT.length).split('/')
    const name = url.searchParams.get('name')
    const named = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
      all.filter((one) => name === null || one.name === name)
    if (kind === 'namespaces' && method === 'POST') return create(call)
    if (kind === 'namespaces') {
      const all = [...namespaces].map(([one, is_public]) => ({ id: idOf(one), name: one, is_public, region: 'fr-par' }))
      return page(url, 'namespaces', named(all))
    }
    const images = [...content.repositories.keys()].map((full) => {
      const [namespace = '', ...rest] = full.split('/')
      return { id: idOf(full), full, name: rest.join('/'), namespace_id: idOf(namespace) }
    })
    if (kind === 'images' && list !== 'tags') {
      const namespace = url.searchParams.get('namespace_id')
      return page(url, 'images', named(images.filter(({ namespace_id }) => namespace_id === namespace)))
    }
    const tags = images.flatMap(({ id: image_id, full }) =>
      [...content.repository(full).tags].map(([tag, digest]) => ({
        id: idOf(`${full}:${tag}`),
        name: tag,
        image_id,
        digest,
        status: 'ready',
        updated_at: '2026-01-02T03:04:05.678901Z',
        full,
      })),
    )
    if (kind === 'images') return page(url, 'tags', named(tags.filter(({ image_id }) => image_id === id)))
    const tag = tags.find((one) => one.id === id)
    if (kind !== 'tags' || method !== 'DELETE' || !tag) return json(404, { type: 'not_found', resource: 'tag' })
    content.repository(tag.full).tags.delete(tag.name)
    return json(200, tag)
  }

  async function create(call: Call): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const { name, project_id, is_public } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<
      string,
      unknown
    >
    if (typeof name !== 'string' || project_id !== SCW_PROJECT) return json(400, { type: 'invalid_arguments' })
    // Of another customer: it is not in the list.
    if (name === 'taken' || namespaces.has(name))
      return json(409, { type: 'conflict', message: 'namespace name is already taken' })
    namespaces.set(name, is_public === true)
    return json(200, { id: idOf(name), name, is_public })
  }

  function page(url: URL, key: string, all: readonly unknown[]): Reply {
    const size = Math.min(100, Number(url.searchParams.get('page_size') ?? 20))
    const number = looping ? 1 : Number(url.searchParams.get('page') ?? 1)
    return json(200, {
      [key]: all.slice((number - 1) * size, number * size),
      total_count: looping && key === 'tags' ? 1e6 : all.length,
    })
  }

  return {
    content,
    namespaces,
    registry: {
      name: 'it',
      type: 'scaleway',
      url: content.url,
      options: { api_url: content.url, region: 'fr-par', project_id: SCW_PROJECT },
    },
    env: { REPLICATE_IT_TOKEN: SCW_KEY },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => content.revokeTokens(),
    close: () => content.close(),
  }
}
