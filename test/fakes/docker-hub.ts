/** Docker Hub in memory: the registry with its allowance and its token server, and the API of hub.docker.com on an address of its own. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { createSwitches } from './switches.ts'

export const HUB_USER = { user: 'acme', password: 'dckr_pat_secret' } as const

export interface HubOptions {
  /** The account wants a second factor: a password alone is refused. */
  readonly secondFactor?: boolean
  /** The token may read and write, not delete. */
  readonly mayDelete?: boolean
  /** Tags that were pushed long ago: the API does not know their digests. */
  readonly old?: readonly string[]
  /** Anonymous access gets so many tags at most; default 1000. */
  readonly anonymousDepth?: number
}

export interface FakeHub extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly apiUrl: string
  /** Pulls that were taken from the allowance. */
  pulls(): number
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const forbidden = (message: string): Answer => ({ status: 403, body: { message, errinfo: {} } })

export async function startDockerHub(options: HubOptions = {}): Promise<FakeHub> {
  const switches = createSwitches()
  const seen: string[] = []
  const tokens = new Set<string>()
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', ...HUB_USER, anonymousPull: true },
    catalog: 401,
    fault: switches.faultOf,
    get headers() {
      return { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': `${100 - pulls()};w=21600` }
    },
  })
  const pulls = (): number =>
    content.requests.filter(({ method, route }) => method === 'GET' && route === 'manifest').length

  function signIn(body: string): Answer {
    const { identifier, secret } = JSON.parse(body) as { identifier?: unknown; secret?: unknown }
    if (identifier !== HUB_USER.user || secret !== HUB_USER.password)
      return { status: 401, body: { detail: 'Incorrect' } }
    if (options.secondFactor)
      return { status: 401, body: { detail: 'Require secondary authentication on MFA enabled account' } }
    const token = `jwt.${tokens.size}.${Math.random()}`
    tokens.add(token)
    return { status: 200, body: { access_token: token } }
  }

  function page(url: URL, all: readonly unknown[], isAnonymous: boolean): Answer {
    const size = Math.min(100, Number(url.searchParams.get('page_size') ?? 10))
    const number = Number(url.searchParams.get('page') ?? 1)
    const start = (number - 1) * size
    if (isAnonymous && start >= (options.anonymousDepth ?? 1000)) {
      return forbidden('pagination offset too large for anonymous requests; sign in to page further')
    }
    if (start > 0 && start >= all.length) return { status: 404, body: { detail: 'Not found.' } }
    // The real one always names its own host.
    const next = `https://hub.docker.com${url.pathname}?page=${looping ? number : number + 1}&page_size=${size}`
    const more = looping || start + size < all.length
    return {
      status: 200,
      body: { count: all.length, next: more ? next : null, previous: null, results: all.slice(start, start + size) },
    }
  }

  function answer(method: string, url: URL, authorization: string | undefined, body: string): Answer {
    const [, version, first = '', namespace = '', second, name = '', third, tag] = url.pathname.split('/')
    if (version !== 'v2') return { status: 404 }
    if (method === 'POST' && url.pathname === '/v2/auth/token') return signIn(body)
    if (authorization === 'Bearer ') return { status: 401, body: { detail: 'empty token' } }
    const isAnonymous = authorization === undefined
    if (!isAnonymous && !tokens.has(authorization.replace(/^Bearer /, '')))
      return { status: 401, body: { detail: 'Invalid token' } }
    if (url.pathname === '/v2/repositories/namespaces') {
      return isAnonymous
        ? { status: 401, body: { detail: 'sign in' } }
        : { status: 200, body: { namespaces: [HUB_USER.user, 'contract'] } }
    }
    if (method === 'DELETE' && first === 'repositories') {
      // /v2/repositories/NAMESPACE/NAME/tags/TAG/
      const tags = content.repositories.get(`${namespace}/${second}`)?.tags
      if (isAnonymous) return { status: 401, body: { detail: 'sign in' } }
      if (options.mayDelete === false)
        return forbidden('access to the resource is forbidden with personal access token')
      return tags?.delete(decodeURIComponent(third ?? ''))
        ? { status: 204 }
        : { status: 404, body: { message: 'object not found' } }
    }
    if (first !== 'namespaces' || second !== 'repositories' || method !== 'GET')
      return { status: 404, body: { message: 'not found' } }
    if (name === '') {
      const names = [...content.repositories.keys()].filter((repository) => repository.startsWith(`${namespace}/`))
      return page(
        url,
        names.map((repository) => ({ name: repository.split('/')[1], namespace })),
        isAnonymous,
      )
    }
    const repository = content.repositories.get(`${namespace}/${name}`)
    if (!repository || third !== 'tags' || tag) return { status: 404, body: { message: 'object not found' } }
    const results = [...repository.tags].map(([named, digest]) => ({
      name: named,
      full_size: 1234,
      media_type: 'application/vnd.docker.container.image.v1+json',
      tag_last_pushed: '2026-01-02T03:04:05.678901Z',
      images: [{ digest: `sha256:${'0'.repeat(64)}`, architecture: 'amd64' }],
      ...(options.old?.includes(named) ? {} : { digest }),
    }))
    return page(url, results, isAnonymous)
  }

  const server = createServer(async (request, response) => {
    const path = request.url ?? '/'
    const method = request.method ?? 'GET'
    seen.push(`${method} ${path}`)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const fault = switches.answerOf({ method, path })
    const body = Buffer.concat(chunks).toString('utf8')
    const reply = fault ?? answer(method, new URL(path, 'http://hub'), request.headers.authorization, body)
    response.writeHead(reply.status, {
      'content-type': 'application/json',
      'x-ratelimit-limit': '180',
      ...reply.headers,
    })
    response.end(
      typeof reply.body === 'string' ? reply.body : reply.body === undefined ? '' : JSON.stringify(reply.body),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    content,
    apiUrl,
    pulls,
    registry: { name: 'it', type: 'docker-hub', url: content.url, options: { api_url: apiUrl } },
    env: { REPLICATE_IT_USERNAME: HUB_USER.user, REPLICATE_IT_PASSWORD: HUB_USER.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => [...seen, ...content.requests.map(({ method, path }) => `${method} ${path}`)],
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      tokens.clear()
      content.revokeTokens()
    },
    async close() {
      await content.close()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}
