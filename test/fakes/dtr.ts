/** Mirantis Secure Registry in memory: a registry with its token server, its API, and that of its accounts, all at one address. */

import { randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { createSwitches } from './switches.ts'

export const ADMIN = { user: 'admin', password: 'admin-secret' } as const
/** Who may write, and creates no organizations. */
export const WRITER = { user: 'writer', password: 'writer-token' } as const
const UPDATED = '2026-01-02T03:04:05.678Z'

export interface DtrOptions {
  /** A proxy takes away the header with the next page. */
  readonly stripped?: boolean
  /** It is version 4, which is a Harbor. */
  readonly version4?: boolean
  /** Tags that are signed. */
  readonly inNotary?: readonly string[]
  /** The API does not say of what type manifests are. */
  readonly untyped?: boolean
}

export interface FakeDtr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  /** Names of users and organizations. */
  readonly accounts: Set<string>
  /** What repositories were created with. */
  readonly created: Map<string, Readonly<Record<string, unknown>>>
}

export async function startDtr(options: DtrOptions = {}): Promise<FakeDtr> {
  const switches = createSwitches()
  const accounts = new Set<string>([ADMIN.user, WRITER.user, 'contract'])
  const created = new Map<string, Readonly<Record<string, unknown>>>()
  let tokens = new Map<string, readonly string[]>()
  let looping = false
  const content = await startMemoryRegistry({ fault: switches.faultOf, intercept, authorize, location: 'absolute' })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (pathname === '/auth/token') return token(call)
    if (pathname === '/api/v2.0/systeminfo' && options.version4) return json(200, { harbor_version: 'v2.10' })
    if (pathname.startsWith('/api/v0/') && !options.version4) return await api(call, pathname.slice('/api/v0/'.length))
    if (pathname.startsWith('/enzi/v0/')) return await enzi(call, pathname.slice('/enzi/v0/'.length))
    // What it tells most users.
    if (pathname === '/v2/_catalog') return json(200, { repositories: [] })
    return undefined
  }

  function userOf({ headers }: Call): string | undefined {
    const [user, password] = Buffer.from((headers.authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    return [ADMIN, WRITER].find((one) => one.user === user && one.password === password)?.user
  }

  function token(call: Call): Reply {
    const user = userOf(call)
    if (call.headers.authorization !== undefined && user === undefined) {
      throw new Refusal(401, 'UNAUTHORIZED', 'incorrect username or password')
    }
    const scopes = call.url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    const granted = scopes.map((scope) => {
      const [kind = '', name = '', actions = ''] = scope.split(':')
      const allowed = actions
        .split(',')
        // Nothing of a repository that does not exist; what is public may be pulled by anybody.
        .filter((action) => content.repositories.has(name) && (user !== undefined || action === 'pull'))
      return `${kind}:${name}:${allowed.join(',')}`
    })
    const value = randomBytes(9).toString('hex')
    tokens.set(value, granted)
    return json(200, { token: value, expires_in: 300 })
  }

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? ''
    const scopes = tokens.get(value)
    const headers = { 'www-authenticate': `Bearer realm="${content.url}/auth/token",service="${content.host}"` }
    if (!scopes) throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', { headers })
    for (const needed of neededScopes(call)) {
      const [, name, actions = ''] = needed.split(':')
      const had = scopes.flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      if (!actions.split(',').every((action) => had.includes(action))) {
        throw new Refusal(401, 'UNAUTHORIZED', 'access to the resource is denied', { headers })
      }
    }
  }

  /** 10 unless said otherwise; the next page begins with a record that a header names. */
  function page<T>({ url }: Call, all: readonly T[], idOf: (item: T) => string, start: 'pageStart' | 'start') {
    const query = url.searchParams
    const size = Number(query.get(start === 'start' ? 'limit' : 'pageSize') ?? 10)
    const from = looping
      ? 0
      : Math.max(
          0,
          all.findIndex((item) => idOf(item) === query.get(start)),
        )
    const first = all[0]
    const after = looping ? first : all[from + size]
    const next = after === undefined ? undefined : idOf(after)
    const headers: Record<string, string> = {
      ...(next === undefined || options.stripped ? {} : { 'x-next-page-start': next }),
      ...(query.get('count') === 'true' ? { 'x-resource-count': String(all.length) } : {}),
    }
    return { items: all.slice(from, from + size), next, headers }
  }

  async function api(call: Call, path: string): Promise<Reply> {
    if (userOf(call) === undefined) throw new Refusal(401, 'NOT_AUTHENTICATED', 'The client is not authenticated.')
    const [kind, account, name, tags, tag] = path.split('/').map(decodeURIComponent)
    if (kind !== 'repositories') throw new Refusal(404, 'NOT_FOUND', 'not found')
    if (account === undefined) return repositories(call, '')
    if (name === undefined && !accounts.has(account)) throw new Refusal(404, 'NO_SUCH_ACCOUNT', 'no such account')
    if (name === undefined) {
      return call.method === 'POST' ? createRepository(account, await bodyOf(call)) : repositories(call, `${account}/`)
    }
    const full = `${account}/${name}`
    const repository = content.repositories.get(full)
    if (!repository) throw new Refusal(404, 'NO_SUCH_REPOSITORY', 'A repository with the given name does not exist.')
    if (tags === undefined) return json(200, shown(full))
    if (tag !== undefined) {
      if (call.method !== 'DELETE') throw new Refusal(405, 'NOT_ALLOWED', 'not allowed')
      if (options.inNotary?.includes(tag)) throw new Refusal(409, 'TAG_IN_NOTARY', 'The tag is signed in Notary.')
      if (!repository.tags.delete(tag)) throw new Refusal(404, 'NO_SUCH_TAG', 'no such tag')
      return { status: 204 }
    }
    const all = [...repository.tags].map(([one, digest]) => {
      const mediaType = repository.manifests.get(digest)?.mediaType
      const manifest = { digest, os: 'linux', architecture: 'amd64', ...(options.untyped ? {} : { mediaType }) }
      const isAsked = call.url.searchParams.get('includeManifests') === 'true'
      return {
        name: one,
        digest,
        author: 'somebody',
        updatedAt: UPDATED,
        inNotary: false,
        ...(isAsked ? { manifest } : {}),
      }
    })
    const { items, headers } = page(call, all, (one) => one.name, 'pageStart')
    return json(200, items, headers)
  }

  function repositories(call: Call, prefix: string): Reply {
    const all = [...content.repositories.keys()].filter((one) => one.startsWith(prefix))
    const { items, headers } = page(call, all, (one) => one, 'pageStart')
    return json(200, { repositories: items.map(shown) }, headers)
  }

  function createRepository(account: string, body: Readonly<Record<string, unknown>>): Reply {
    const { name } = body
    if (typeof name !== 'string' || !/^[a-z0-9]+([._-][a-z0-9]+)*$/.test(name) || `${account}/${name}`.length > 55) {
      throw new Refusal(400, 'INVALID_REPOSITORY_NAME', 'invalid name')
    }
    const full = `${account}/${name}`
    if (content.repositories.has(full))
      throw new Refusal(400, 'REPOSITORY_EXISTS', 'A repository with this name exists.')
    content.repository(full)
    created.set(full, body)
    return json(201, shown(full))
  }

  async function enzi(call: Call, path: string): Promise<Reply> {
    const user = userOf(call)
    if (user === undefined) throw new Refusal(401, 'NOT_AUTHENTICATED', 'The client is not authenticated.')
    const [kind, name] = path.split('/').map(decodeURIComponent)
    if (kind !== 'accounts') throw new Refusal(404, 'NOT_FOUND', 'not found')
    if (name !== undefined) {
      if (accounts.has(name)) return json(200, { name, isOrg: true })
      throw new Refusal(404, 'NO_SUCH_ACCOUNT', 'no such account')
    }
    if (call.method === 'POST') {
      const body = await bodyOf(call)
      if (user !== ADMIN.user) throw new Refusal(403, 'NOT_AUTHORIZED', 'The client is not authorized.')
      if (typeof body.name !== 'string' || body.isOrg !== true) throw new Refusal(400, 'BAD_REQUEST', 'bad request')
      if (accounts.has(body.name)) throw new Refusal(400, 'ACCOUNT_EXISTS', 'An account with this name exists.')
      accounts.add(body.name)
      return json(201, { name: body.name, isOrg: true })
    }
    const { items, next, headers } = page(call, [...accounts], (one) => one, 'start')
    return json(200, { accounts: items.map((one) => ({ name: one, isOrg: true })), nextPageStart: next ?? '' }, headers)
  }

  return {
    content,
    accounts,
    created,
    registry: { name: 'it', type: 'dtr', url: content.url },
    env: { REPLICATE_IT_USERNAME: ADMIN.user, REPLICATE_IT_PASSWORD: ADMIN.password },
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      tokens = new Map()
    },
    close: () => content.close(),
  }
}

function shown(full: string) {
  const [namespace, name] = full.split('/')
  return { id: full, namespace, namespaceType: 'organization', name, visibility: 'private', tagLimit: 0 }
}

async function bodyOf(call: Call): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  for await (const chunk of call.body) chunks.push(chunk)
  if (call.headers['content-type'] !== 'application/json') {
    throw new Refusal(415, 'UNSUPPORTED_MEDIA_TYPE', 'send application/json')
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Readonly<Record<string, unknown>>
}
