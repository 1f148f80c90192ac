/** Quay in memory: a registry with its token server and its oddities, and the API on the same address. */

import { randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal, text } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { createSwitches } from './switches.ts'

export const ROBOT = { user: 'contract+robot', password: 'robot-secret' } as const
export const OAUTH = 'oauth-token-of-an-application'

export interface QuayOptions {
  /** Anonymous access sees no repositories; default false. */
  readonly isPrivate?: boolean
  /** Tags that may not be moved. */
  readonly immutable?: readonly string[]
}

export interface FakeQuay extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly organizations: Set<string>
  /** Scopes that tokens were asked for. */
  readonly asked: string[]
}

const SCOPE = /^repository:[^:]+:(push|pull|\*)(,(push|pull|\*))*$/

export async function startQuay(options: QuayOptions = {}): Promise<FakeQuay> {
  const switches = createSwitches()
  const organizations = new Set(['contract'])
  const asked: string[] = []
  let tokens = new Map<string, readonly string[]>()
  let looping = false
  const content = await startMemoryRegistry({
    fault: switches.faultOf,
    intercept,
    authorize,
    // It has the referrers API and does not say so.
    location: 'absolute',
  })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (pathname === '/v2/auth') return token(call)
    if (pathname.startsWith('/api/v1/')) return await api(call)
    if (pathname === '/v2/') {
      authorize(call)
      return json(200, true, { 'www-authenticate': challenge() })
    }
    const upload = content.uploads.get(/\/blobs\/uploads\/([^/]+)$/.exec(pathname)?.[1] ?? '')
    if (upload && call.method === 'GET') {
      authorize(call)
      // How many bytes are there, and not which is the last; without a Location.
      return { status: 204, headers: { range: `bytes=0-${upload.offset}`, 'docker-upload-uuid': upload.id } }
    }
    // Its Locations do not change.
    if (upload) call.url.searchParams.set('_state', upload.state)
    const tag = /\/manifests\/([^:]+)$/.exec(pathname)?.[1]
    if (call.method === 'PUT' && tag !== undefined && options.immutable?.includes(tag)) {
      throw new Refusal(409, 'TAG_IMMUTABLE', 'tag is immutable')
    }
    return undefined
  }

  const challenge = (): string => `Bearer realm="${content.url}/v2/auth",service="quay.test"`

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1]
    const scopes = value === undefined ? undefined : tokens.get(value)
    if (!scopes)
      throw new Refusal(401, 'UNAUTHORIZED', 'access to the requested resource is not authorized', {
        headers: { 'www-authenticate': challenge() },
      })
    for (const needed of neededScopes(call)) {
      if (needed.startsWith('registry:')) continue
      const [, name, actions = ''] = needed.split(':')
      // Who may push may delete.
      const wanted = actions.replace('delete', 'push').split(',')
      const had = scopes.flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      if (!wanted.every((action) => had.includes(action))) {
        throw new Refusal(401, 'UNAUTHORIZED', 'access to the requested resource is not authorized', {
          headers: { 'www-authenticate': challenge() },
        })
      }
    }
  }

  function token(call: Call): Reply {
    const scopes = call.url.searchParams
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter(Boolean)
    asked.push(...scopes)
    if (scopes.some((scope) => !SCOPE.test(scope))) throw new Refusal(400, 'INVALID_REQUEST', 'Invalid scope')
    const header = call.headers.authorization
    const [user, ...rest] = Buffer.from((header ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const password = rest.join(':')
    const isRobot = user === ROBOT.user && password === ROBOT.password
    const isOauth = user === '$oauthtoken' && password === OAUTH
    if (header !== undefined && !isRobot && !isOauth)
      throw new Refusal(401, 'UNAUTHORIZED', 'Could not find robot with specified username')
    if (header === undefined && scopes.length === 0) throw new Refusal(401, 'UNAUTHORIZED', 'no credentials')
    const granted = scopes.map((scope) => {
      const [, name = '', actions = ''] = scope.split(':')
      const isKnown = organizations.has(name.split('/')[0] ?? '')
      const allowed = actions
        .split(',')
        .filter((action) => isKnown && (header !== undefined || (action === 'pull' && !options.isPrivate)))
      // Asking is enough: the repository is there from now on.
      if (allowed.includes('push')) content.repository(name)
      return `repository:${name}:${allowed.join(',')}`
    })
    const claims = { exp: Math.floor(Date.now() / 1000) + 3600, jti: randomBytes(6).toString('hex') }
    const value = `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`
    tokens.set(value, granted)
    return json(200, { token: value })
  }

  const problem = (status: number, message: string): Reply =>
    json(status, { detail: message, error_message: message, error_type: 'invalid_request', status })

  async function api(call: Call): Promise<Reply> {
    const { method, url, headers } = call
    if (headers.authorization !== undefined && headers.authorization !== `Bearer ${OAUTH}`)
      return problem(401, 'Invalid bearer token format')
    const isSignedIn = headers.authorization !== undefined
    const [kind = '', ...rest] = url.pathname.slice('/api/v1/'.length).split('/').filter(Boolean)
    if (kind === 'user')
      return isSignedIn
        ? json(200, { username: 'someone', organizations: [...organizations].map((name) => ({ name })) })
        : problem(401, 'Requires authentication')
    if (kind === 'organization' && method === 'POST') {
      return isSignedIn ? createOrganization(call) : problem(401, 'Requires authentication')
    }
    if (kind === 'organization' || kind === 'users') {
      const isThere = kind === 'organization' ? organizations.has(rest[0] ?? '') : rest[0] === 'alice'
      return isThere ? json(200, { name: rest[0] }) : problem(404, 'Not Found')
    }
    if (kind === 'repository' && rest.length === 0) {
      const namespace = url.searchParams.get('namespace')
      if (namespace === null) return problem(400, 'namespace, starred or public must be given')
      const all = [...content.repositories.keys()].filter(
        (name) => name.startsWith(`${namespace}/`) && (isSignedIn || !options.isPrivate),
      )
      const start = Number(url.searchParams.get('next_page') ?? 0)
      const repositories = all
        .slice(start, start + 100)
        .map((name) => ({ namespace, name: name.slice(namespace.length + 1) }))
      return json(200, { repositories, ...(start + 100 < all.length ? { next_page: String(start + 100) } : {}) })
    }
    if (kind !== 'repository' || rest.at(-1) !== 'tag') return problem(404, 'Not Found')
    const repository = content.repositories.get(rest.slice(0, -1).join('/'))
    if (!repository) return problem(404, 'Not Found')
    if (!isSignedIn && options.isPrivate) return problem(401, 'Requires authentication')
    const size = Math.min(100, Number(url.searchParams.get('limit') ?? 50))
    const page = Number(url.searchParams.get('page') ?? 1)
    // Without `onlyActiveTags` what was there before is told, too.
    const isActive = url.searchParams.get('onlyActiveTags') === 'true'
    const tags = [...repository.tags].flatMap(([name, manifest_digest]) => [
      { name, manifest_digest, size: 77, start_ts: 1767323045, is_manifest_list: false },
      ...(isActive ? [] : [{ name, manifest_digest: `sha256:${'0'.repeat(64)}`, size: 1, start_ts: 1, end_ts: 2 }]),
    ])
    return json(200, {
      tags: tags.slice((page - 1) * size, page * size),
      page: looping ? page - 1 : page,
      has_additional: looping || page * size < tags.length,
    })
  }

  async function createOrganization(call: Call): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const { name, email } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { name?: unknown; email?: unknown }
    if (typeof name !== 'string' || typeof email !== 'string')
      return json(400, { message: 'name and email are required' })
    if (organizations.has(name)) return json(400, { message: 'A user or organization with this name already exists' })
    organizations.add(name)
    return text(201, '"Created"')
  }

  return {
    content,
    organizations,
    asked,
    registry: { name: 'it', type: 'quay', url: content.url },
    env: { REPLICATE_IT_USERNAME: '$oauthtoken', REPLICATE_IT_PASSWORD: OAUTH },
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
