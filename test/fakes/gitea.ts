/** Gitea in memory: its registry with what is its own, and of its API the users and organizations.
 *
 *  Written down from https://github.com/go-gitea/gitea/tree/v1.26.0/routers/api/packages/container, and run beside the real one. */

import { randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { createSwitches } from './switches.ts'

export const GITEA_USER = { user: 'tester', password: 'correct-horse' } as const
/** Access tokens, which are passwords of whatever user. */
export const GITEA_TOKENS = { all: 'token-with-all-scopes', packages: 'token-with-write-package' } as const

export interface FakeGitea extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly organizations: Map<string, string>
}

type Scope = 'all' | 'packages' | 'nobody'

const RANGE = /\/blobs\/uploads\/([^/]+)$/

export async function startFakeGitea(): Promise<FakeGitea> {
  const switches = createSwitches()
  const organizations = new Map([['contract', 'public']])
  const tokens = new Map<string, Scope>()
  /** Uploads of which a request broke off: what is in the file is no longer what the database says. */
  const broken = new Set<string>()
  let looping = false
  const content = await startMemoryRegistry({
    referrers: false,
    intercept,
    authorize,
    fault(request) {
      const fault = switches.faultOf(request)
      const upload = RANGE.exec(request.path.split('?')[0] ?? '')?.[1]
      if (fault && 'resetAfter' in fault && upload !== undefined) broken.add(upload)
      return fault
    },
  })

  function authorize(call: Call): void {
    const [, scheme, value = ''] = /^(\w+) (.+)$/.exec(call.headers.authorization ?? '') ?? []
    const scope = scheme === 'Basic' ? scopeOf(value) : tokens.get(value)
    if (scope === undefined) throw unauthorized(call)
    const [, owner = ''] = /^\/v2\/([^/_]+)\//.exec(call.url.pathname) ?? []
    if (owner !== '' && owner !== GITEA_USER.user && !organizations.has(owner)) throw new NoPage()
    const reads = call.method === 'GET' || call.method === 'HEAD'
    if (scope === 'nobody' && (!reads || /\/blobs\/uploads\//.test(call.url.pathname))) {
      const headers = { 'www-authenticate': 'Basic realm="Gitea Package API"' }
      throw new Refusal(401, 'UNAUTHORIZED', 'user should have specific permission or be a site admin', { headers })
    }
  }

  const unauthorized = (_call: Call): Refusal =>
    new Refusal(401, 'UNAUTHORIZED', '', {
      headers: { 'www-authenticate': `Bearer realm="${content.url}/v2/token",service="container_registry",scope="*"` },
    })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (pathname === '/v2/token') return token(call)
    if (pathname.startsWith('/api/v1/')) return api(call)
    if (pathname === '/v2/_catalog') return catalogue(call)
    if (pathname.endsWith('/tags/list')) return tags(call)
    const upload = RANGE.exec(pathname)?.[1] ?? ''
    if (call.method !== 'GET' && broken.has(upload)) {
      authorize(call)
      return { status: 500 }
    }
    // Tags are stored, and looked for, in lower case.
    call.url.pathname = pathname.replace(/(?<=\/manifests\/)[^:/]+$/, (tag) => tag.toLowerCase())
    return undefined
  }

  function token(call: Call): Reply {
    if (call.method !== 'GET') return { status: 404 }
    const { authorization } = call.headers
    const scope = authorization === undefined ? 'nobody' : scopeOf(authorization.replace(/^Basic /, ''))
    if (scope === undefined) throw unauthorized(call)
    const value = `h.${randomBytes(12).toString('hex')}.s`
    tokens.set(value, scope)
    return json(200, { token: value })
  }

  function catalogue(call: Call): Reply {
    authorize(call)
    const asked = Number(call.url.searchParams.get('n') ?? 0)
    const n = asked <= 0 || asked > 100 ? 100 : asked
    const last = call.url.searchParams.get('last') ?? ''
    const repositories = [...content.repositories]
      .filter(([name, { manifests }]) => manifests.size > 0 && name > last)
      .map(([name]) => name)
      .sort()
      .slice(0, n)
    const next = `/v2/_catalog?${new URLSearchParams({ last: repositories.at(-1) ?? '', n: String(n) })}`
    return json(200, { repositories }, repositories.length === n ? { link: `<${next}>; rel="next"` } : {})
  }

  function tags(call: Call): Reply {
    authorize(call)
    const name = call.url.pathname.slice('/v2/'.length, -'/tags/list'.length)
    const repository = content.repositories.get(name)
    if (!repository?.manifests.size) throw new Refusal(404, 'NAME_UNKNOWN', '')
    const query = call.url.searchParams
    const last = looping ? '' : (query.get('last') ?? '')
    const all = [...repository.tags.keys()].filter((tag) => tag > last).sort()
    const page = all.slice(0, query.has('n') ? Number(query.get('n')) : undefined)
    // Whatever the page is like, another one is said to follow, unless it is empty.
    const here = `${call.url.pathname}${call.url.search}`
    const following = new URLSearchParams({
      last: page.at(-1) ?? '',
      ...(query.has('n') && { n: query.get('n') ?? '' }),
    })
    const next = looping ? here : `${call.url.pathname}?${following}`
    return json(200, { name, tags: page }, page.length > 0 ? { link: `<${next}>; rel="next"` } : {})
  }

  async function api(call: Call): Promise<Reply> {
    const { method, url, headers } = call
    const scope = scopeOf((headers.authorization ?? '').replace(/^Basic /, ''))
    if (scope === undefined) return json(401, { message: 'user does not exist [uid: 0, name: ]' })
    if (scope !== 'all') return json(403, { message: 'token does not have at least one of required scope(s)' })
    const user = /^\/api\/v1\/users\/([^/]+)$/.exec(url.pathname)?.[1]
    if (method === 'GET' && user !== undefined) {
      const isThere = user === GITEA_USER.user || organizations.has(user)
      return isThere
        ? json(200, { login: user })
        : json(404, { message: `user redirect does not exist [name: ${user}]` })
    }
    if (method !== 'POST' || url.pathname !== '/api/v1/orgs') return json(404, { message: 'Not Found' })
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const { username, visibility } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>
    if (typeof username !== 'string' || typeof visibility !== 'string')
      return json(422, { message: '[UserName]: Required' })
    if (username === 'api') return json(422, { message: 'name is reserved [name: api]' })
    if (organizations.has(username)) return json(422, { message: `user already exists [name: ${username}]` })
    organizations.set(username, visibility)
    return json(201, { username })
  }

  return {
    content,
    organizations,
    registry: { name: 'it', type: 'gitea', url: content.url },
    env: { REPLICATE_IT_USERNAME: GITEA_USER.user, REPLICATE_IT_PASSWORD: GITEA_USER.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire: () => tokens.clear(),
    close: () => content.close(),
  }
}

/** There is no such owner: the page of the website, not an error of the registry. */
class NoPage extends Refusal {
  override readonly reply: Reply = text(404, 'Not found.\n')
  constructor() {
    super(404, '', '')
  }
}

function scopeOf(basic: string): Scope | undefined {
  const [user, password] = Buffer.from(basic, 'base64').toString().split(':')
  if (password === GITEA_TOKENS.packages) return 'packages'
  const isUser = user === GITEA_USER.user && password === GITEA_USER.password
  return isUser || password === GITEA_TOKENS.all ? 'all' : undefined
}
