/** Alibaba Cloud Container Registry in memory, of either edition: the registry with its token server, and the API on the same address. */

import { randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type LoggedRequest,
  type MemoryRegistry,
  type Reply,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { AcrError, type AcrNamespace, answerEnterprise, answerPersonal, INSTANCE } from './ali-acr-control.ts'
import { refusedSignature } from './ali-acr-signature.ts'
import { createSwitches } from './switches.ts'

export const ALIBABA_KEY = { id: 'LTAI5tExampleKey', secret: 'alibaba-secret-key' } as const
/** Of `docker login`. */
export const ALIBABA_LOGIN = { user: 'someone@example', password: 'registry-password' } as const

export interface AcrOptions {
  readonly edition?: 'personal' | 'enterprise'
  /** Of a temporary key. */
  readonly session?: string
  /** What of the API the key may not use, by `x-acs-action`. */
  readonly denied?: readonly string[]
  /** Repositories whose tags are immutable. */
  readonly immutable?: readonly string[]
  /** Milliseconds since 1970 by the service's clock. */
  readonly now?: () => number
  /** Milliseconds that a password of the registry lives; default an hour. */
  readonly life?: number
  /** The service of the challenge; default as the edition has it. */
  readonly service?: string
}

export interface FakeAcr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly namespaces: Map<string, AcrNamespace>
  /** Repositories that the API created, with what it made of them. */
  readonly created: Map<string, string>
  /** Passwords of the registry that were given out. */
  signIns(): number
  requests(): readonly string[]
}

export async function startAcr(options: AcrOptions = {}): Promise<FakeAcr> {
  const { edition = 'enterprise', denied = [], now = Date.now, life = 3_600_000 } = options
  const home = 'registry.aliyuncs.com:cn-hangzhou:26842'
  const service = options.service ?? (edition === 'enterprise' ? `${home}:${INSTANCE}` : home)
  const switches = createSwitches()
  const namespaces = new Map<string, AcrNamespace>([
    ['team', { autoCreate: true, visibility: 'PRIVATE' }],
    ['closed', { autoCreate: false, visibility: 'PUBLIC' }],
  ])
  const created = new Map<string, string>()
  const passwords = new Map<string, number>()
  const nonces = new Set<string>()
  let bearers = new Map<string, readonly string[]>()
  let looping = false

  /** The API of the Enterprise Edition has one path: its action tells requests apart. */
  const nameOf = ({ path, headers }: Pick<LoggedRequest, 'path' | 'headers'>): string =>
    path === '/' || path.startsWith('/?') ? `/ ${headers['x-acs-action']}` : path

  const content = await startMemoryRegistry({
    authorize,
    intercept,
    catalog: false,
    redirectBlobs: true,
    fault: (entry) => switches.faultOf({ method: entry.method, path: nameOf(entry) }),
  })
  const state = {
    ...{ content, namespaces, created, immutable: new Set(options.immutable), looping: () => looping },
    signIn() {
      const token = randomBytes(12).toString('hex')
      const expires = now() + life
      passwords.set(token, expires)
      return { token, expires }
    },
  }

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (call.headers['x-acs-action'] !== undefined) return control(call)
    if (pathname === '/auth') return token(call)
    if (!pathname.startsWith('/v2/')) return undefined
    if (call.method === 'DELETE') {
      authorize(call)
      throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
    }
    const [, repository = '', tag = ''] = /^\/v2\/(.+)\/manifests\/([^/:]+)$/.exec(pathname) ?? []
    if (
      call.method === 'PUT' &&
      state.immutable.has(repository) &&
      content.repositories.get(repository)?.tags.has(tag)
    ) {
      authorize(call)
      throw new Refusal(400, 'TAG_INVALID', 'the tag is immutable')
    }
    return undefined
  }

  const challenge = (): string => `Bearer realm="${content.url}/auth",service="${service}"`

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1]
    const scopes = value === undefined ? undefined : bearers.get(value)
    const isGranted = (needed: string): boolean => {
      const [, name, actions = ''] = needed.split(':')
      const had = (scopes ?? []).flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      return actions.split(',').every((action) => had.includes(action === 'delete' ? 'push' : action))
    }
    // Also of a repository that does not exist: it does not say which.
    if (!scopes || !neededScopes(call).every(isGranted)) {
      throw new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
        headers: { 'www-authenticate': challenge() },
      })
    }
  }

  function token(call: Call): Reply {
    const { searchParams } = call.url
    if (searchParams.get('service') !== service) throw new Refusal(400, 'INVALID', 'unknown service')
    const header = call.headers.authorization
    const [user = '', ...rest] = Buffer.from((header ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const password = rest.join(':')
    const isLogin = user === ALIBABA_LOGIN.user && password === ALIBABA_LOGIN.password
    const isTemporary = user === 'cr_temp_user' && (passwords.get(password) ?? 0) >= now()
    if (!isLogin && !isTemporary) throw new Refusal(401, 'UNAUTHORIZED', 'authentication failed')
    const granted = searchParams
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter((scope) => {
        const [, name = '', actions = ''] = scope.split(':')
        if (content.repositories.has(name)) return true
        return actions.includes('push') && namespaces.get(name.split('/')[0] ?? '')?.autoCreate === true
      })
    const value = randomBytes(9).toString('hex')
    bearers.set(value, granted)
    return json(200, { token: value, access_token: value, expires_in: 1800 })
  }

  async function control(call: Call): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const { method, url, headers } = call
    const action = String(headers['x-acs-action'])
    const version = headers['x-acs-version']
    try {
      const key = { ...ALIBABA_KEY, ...(options.session === undefined ? {} : { session: options.session }) }
      const refused = refusedSignature({ method, url, headers, body }, { key, now: now(), nonces })
      if (refused) throw new AcrError(...refused)
      if (denied.includes(action)) throw new AcrError(403, 'NoPermission', 'You are not authorized to do this action.')
      if (edition === 'personal' && version === '2016-06-07') {
        return answerPersonal(state, method, url, body.length > 0 ? JSON.parse(body.toString('utf8')) : undefined)
      }
      if (edition === 'enterprise' && version === '2018-12-01' && method === 'POST') {
        return answerEnterprise(state, action, Object.fromEntries(url.searchParams))
      }
      throw new AcrError(404, 'InvalidVersion', 'Specified parameter Version is not valid.')
    } catch (error) {
      if (!(error instanceof AcrError)) throw error
      const isOwn = edition === 'personal' && /^[A-Z_]+$/.test(error.code)
      return isOwn
        ? json(error.status, { code: error.code, message: error.message, requestId: '1' })
        : json(error.status, { RequestId: '1', HostId: 'cr', Code: error.code, Message: error.message, Recommend: '' })
    }
  }

  return {
    content,
    namespaces,
    created,
    signIns: () => passwords.size,
    registry: {
      name: 'it',
      type: 'ali-acr',
      url: content.url,
      options: { api_url: content.url },
      credential: {
        ...{ type: 'access_key', username: ALIBABA_KEY.id, password: ALIBABA_KEY.secret },
        ...(options.session === undefined ? {} : { token: options.session }),
      },
    },
    env: {},
    namespace: 'team',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map((entry) => `${entry.method} ${nameOf(entry)}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      bearers = new Map()
      for (const password of passwords.keys()) passwords.set(password, 0)
    },
    close: () => content.close(),
  }
}
