/** DigitalOcean's registry in memory, with its API at the same address. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const DO_TOKEN = 'dop_v1_0123456789abcdef'
/** As `docker login` got it: the registry takes it, the API does not. */
export const DO_LOGIN = { user: 'someone@example.com', password: 'dckr_0123456789abcdef' } as const

export interface FakeDigitalOcean extends AdapterUnderTest {
  readonly content: MemoryRegistry
}

export async function startDigitalOcean(
  scopes: readonly string[] = ['registry:read', 'registry:create', 'registry:delete'],
): Promise<FakeDigitalOcean> {
  const switches = createSwitches()
  let looping = false
  const content = await startMemoryRegistry({
    catalog: false,
    fault: switches.faultOf,
    authorize,
    intercept: (call) => (/^\/v2\/registries(\/|$)/.test(call.url.pathname) ? api(call) : undefined),
  })

  function authorize({ headers, method, url }: Call): void {
    const [user, password] = Buffer.from((headers.authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const isToken = user === DO_TOKEN && password === DO_TOKEN
    if (!isToken && (user !== DO_LOGIN.user || password !== DO_LOGIN.password)) {
      throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
        headers: { 'www-authenticate': 'Basic realm="docr"' },
      })
    }
    if (method === 'DELETE') throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
    const name = /^\/v2\/([^/]+)\/.+\/(blobs|manifests|tags)\//.exec(url.pathname)?.[1]
    if (name !== undefined && name !== 'contract') throw new Refusal(404, 'NAME_UNKNOWN', 'registry not found')
    const isWrite = method !== 'GET' && method !== 'HEAD'
    if (isWrite && isToken && !scopes.includes('registry:create'))
      throw new Refusal(403, 'DENIED', 'registry:create is missing')
  }

  function api({ headers, method, url }: Call): Reply {
    if (headers.authorization !== `Bearer ${DO_TOKEN}`) {
      return json(401, { id: 'Unauthorized', message: 'Unable to authenticate you' })
    }
    const scope = method === 'DELETE' ? 'registry:delete' : 'registry:read'
    if (!scopes.includes(scope))
      return json(403, { id: 'Forbidden', message: 'You are not authorized to perform this operation' })
    // What is encoded in the path stays one part.
    const [registry, kind, repository = '', list, ...rest] = url.pathname.split('/').slice(3).map(decodeURIComponent)
    if (registry === undefined) return json(200, { registries: [{ name: 'contract' }], total_registries: 1 })
    if (registry !== 'contract') return json(404, { id: 'not_found', message: 'registry not found' })
    if (kind === 'repositoriesV2') {
      const names = [...content.repositories.keys()].map((name) => name.slice('contract/'.length))
      return page(
        url,
        'repositories',
        names.map((name) => ({ registry_name: 'contract', name, tag_count: 1 })),
      )
    }
    const found = content.repositories.get(`contract/${repository}`)
    if (!found) return json(404, { id: 'not_found', message: 'repository not found' })
    if (method === 'DELETE') {
      const [what = ''] = rest
      const gone = [...found.tags].filter(([tag, digest]) => (list === 'tags' ? tag === what : digest === what))
      if (list === 'digests' ? !found.manifests.has(what as `sha256:${string}`) : gone.length === 0) {
        return json(404, { id: 'not_found', message: `${list} not found` })
      }
      for (const [tag] of gone) found.tags.delete(tag)
      if (list === 'digests') found.manifests.delete(what as `sha256:${string}`)
      return { status: 204 }
    }
    return page(
      url,
      'tags',
      [...found.tags].map(([tag, manifest_digest]) => ({
        registry_name: 'contract',
        repository_name: repository,
        tag,
        manifest_digest,
        updated_at: '2026-01-02T03:04:05Z',
      })),
    )
  }

  function page(url: URL, key: string, all: readonly unknown[]): Reply {
    const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 20))
    const number = Number(url.searchParams.get('page') ?? 1)
    const next = new URL(url)
    next.searchParams.set('page', String(looping ? number : number + 1))
    const isLast = !looping && number * size >= all.length
    return json(200, {
      [key]: all.slice((number - 1) * size, number * size),
      // The API names itself, wherever it is asked.
      links: isLast ? {} : { pages: { next: `https://api.digitalocean.com${next.pathname}${next.search}` } },
      meta: { total: all.length },
    })
  }

  return {
    content,
    registry: { name: 'it', type: 'digitalocean', url: content.url, options: { api_url: content.url } },
    env: { REPLICATE_IT_TOKEN: DO_TOKEN },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    close: () => content.close(),
  }
}
