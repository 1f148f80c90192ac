/** GitHub's registry in memory, with the refusals of the real one, and its API of packages on an address of its own. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Digest } from '../../src/core/descriptor.ts'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { Refusal, text } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const TOKEN = 'ghp_0123456789abcdef'
/** The token's account, as GitHub writes it; its packages are private. */
export const LOGIN = 'SomeBody'

export interface GitHubOptions {
  /** Accounts that are no organizations; default none. */
  readonly users?: readonly string[]
  /** `fine`: the API takes the token and allows nothing; `workflow`: it may not ask who it is. Default a classic token that may all. */
  readonly token?: 'classic' | 'fine' | 'workflow' | 'sso'
  /** The token has read:packages, and not read:org. */
  readonly noOrganizations?: boolean
}

export interface FakeGitHub extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly apiUrl: string
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const refused = (status: number, message: string): Answer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com' },
})

export async function startGitHub(options: GitHubOptions = {}): Promise<FakeGitHub> {
  const switches = createSwitches()
  const seen: string[] = []
  let looping = false
  const content = await startMemoryRegistry({
    auth: { kind: 'bearer', user: 'somebody', password: TOKEN, anonymousPull: true },
    catalog: false,
    referrers: false,
    fault: switches.faultOf,
    intercept: refusals,
  })

  /** What the real one does otherwise than the specification says. */
  function refusals(call: Call) {
    const { method, url, headers } = call
    // Whoever signs in, the user's name is not looked at.
    if (url.pathname === '/token' && headers.authorization !== undefined) {
      const [, password] = Buffer.from(headers.authorization.replace(/^Basic /, ''), 'base64')
        .toString()
        .split(':')
      if (password !== TOKEN) throw new Refusal(403, 'DENIED', 'requested access to the resource is denied')
      Object.assign(headers, { authorization: `Basic ${Buffer.from(`somebody:${TOKEN}`).toString('base64')}` })
    }
    if (url.pathname === '/v2/' && headers.authorization === undefined) {
      const challenge = `Bearer realm="${content.url}/token",service="memory, registry",scope="repository:user/image:pull"`
      return text(401, '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', {
        'www-authenticate': challenge,
      })
    }
    if (/\/referrers\//.test(url.pathname)) throw new Error('the referrers API was asked, which leads to the website')
    if (method === 'DELETE') throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
    const range = headers['content-range']
    if (method === 'PATCH' && range !== undefined && Number(headers['content-length']) > 4 * 1024 * 1024) {
      throw new Refusal(
        416,
        'REQUESTED_RANGE_NOT_SATISFIABLE',
        'the request body is too large and exceeds the maximum permissible limit of 4.00MiB',
      )
    }
    return undefined
  }

  function page(url: URL, all: readonly unknown[]): Answer {
    const size = Math.min(100, Number(url.searchParams.get('per_page') ?? 30))
    const number = Number(url.searchParams.get('page') ?? 1)
    const last = Math.max(1, Math.ceil(all.length / size))
    const link = (to: number, rel: string): string => {
      const target = new URL(url)
      target.searchParams.set('page', String(to))
      return `<${target.href}>; rel="${rel}"`
    }
    const links = looping ? [link(number, 'next')] : number < last ? [link(number + 1, 'next'), link(last, 'last')] : []
    const headers: Record<string, string> = links.length > 0 ? { link: links.join(', ') } : {}
    return { status: 200, headers, body: all.slice((number - 1) * size, number * size) }
  }

  /** A version for each manifest, the newest first, with noise that has no tag. */
  function versionsOf(
    repository: string,
  ): readonly { readonly id: number; readonly name: Digest; readonly tags: string[] }[] {
    const { manifests, tags } = content.repository(repository)
    return [...manifests.keys()]
      .map((name, at) => ({
        id: at + 1,
        name,
        tags: [...tags].flatMap(([tag, digest]) => (digest === name ? [tag] : [])),
      }))
      .reverse()
  }

  function answer(method: string, url: URL, headers: Readonly<Record<string, string | string[] | undefined>>): Answer {
    if (headers['user-agent'] === undefined) return refused(403, 'Request forbidden by administrative rules.')
    if (headers.authorization !== `Bearer ${TOKEN}`) return refused(401, 'Bad credentials')
    if (headers['x-github-api-version'] === undefined) return refused(400, 'no version of the API')
    // Below /user are the packages of the token's own account.
    const path = url.pathname.replace(/^\/user\/packages/, `/own/${LOGIN.toLowerCase()}/packages`)
    const parts = path.split('/').slice(1).map(decodeURIComponent)
    const [kind, owner = '', packages, type, name = '', versions, id] = parts
    const isUser = (account: string): boolean =>
      account.toLowerCase() === LOGIN.toLowerCase() || (options.users?.includes(account) ?? false)
    if (url.pathname === '/user') {
      return options.token === 'workflow'
        ? refused(403, 'Resource not accessible by integration')
        : { status: 200, body: { login: LOGIN } }
    }
    if (url.pathname === '/user/orgs') {
      return options.noOrganizations
        ? refused(403, 'You need at least read:org scope or user scope to list your organizations.')
        : page(url, [{ login: 'contract' }])
    }
    if (kind === 'users' && parts.length === 2) {
      const exists = owner !== 'nobody'
      return exists
        ? { status: 200, body: { login: owner, type: isUser(owner) ? 'User' : 'Organization' } }
        : refused(404, 'Not Found')
    }
    if (options.token === 'fine') return refused(403, 'You need at least read:packages scope to list packages.')
    if (options.token === 'sso') return refused(403, 'Resource protected by organization SAML enforcement.')
    const isOwn = owner.toLowerCase() === LOGIN.toLowerCase()
    if (packages !== 'packages' || (kind !== 'own' && (kind === 'orgs') === isUser(owner)))
      return refused(404, 'Not Found')
    if (parts.at(-1) === 'packages') {
      const names = [...content.repositories.keys()].filter(
        (one) => one.startsWith(`${owner}/`) && (kind === 'own' || !isOwn),
      )
      return page(
        url,
        names.map((one) => ({ name: one.slice(owner.length + 1) })),
      )
    }
    if (kind !== 'own' && isOwn) return refused(404, 'Package not found.')
    const repository = `${owner}/${name}`
    if (type !== 'container' || versions !== 'versions' || !content.repositories.has(repository))
      return refused(404, 'Package not found.')
    const all = versionsOf(repository)
    if (method === 'GET') {
      return page(
        url,
        all.map(({ tags, ...version }) => ({
          ...version,
          created_at: '2026-01-02T03:04:05Z',
          metadata: { package_type: 'container', container: { tags } },
        })),
      )
    }
    const version = all.find((one) => String(one.id) === id)
    if (!version) return refused(404, 'Not Found')
    if (all.filter(({ tags }) => tags.length > 0).length === 1 && version.tags.length > 0) {
      return refused(
        400,
        'You cannot delete the last tagged version of a package. You must delete the package instead.',
      )
    }
    const { manifests, tags } = content.repository(repository)
    manifests.delete(version.name)
    for (const tag of version.tags) tags.delete(tag)
    return { status: 204 }
  }

  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    const method = request.method ?? 'GET'
    seen.push(`${method} ${path}`)
    const own = `http://${request.headers.host}`
    const reply: Answer = switches.answerOf({ method, path }) ?? answer(method, new URL(path, own), request.headers)
    response.writeHead(reply.status, { 'content-type': 'application/json; charset=utf-8', ...reply.headers })
    response.end(
      typeof reply.body === 'string' ? reply.body : reply.body === undefined ? '' : JSON.stringify(reply.body),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    content,
    apiUrl,
    registry: { name: 'it', type: 'github-ghcr', url: content.url, options: { api_url: apiUrl } },
    env: { REPLICATE_IT_USERNAME: 'whoever', REPLICATE_IT_PASSWORD: TOKEN },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => [...seen, ...content.requests.map(({ method, path }) => `${method} ${path}`)],
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => content.revokeTokens(),
    async close() {
      await content.close()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}
