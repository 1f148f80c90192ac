/** SWR in memory: the registry of a region with its token server, the signed API, and the one beside the registry, all at one address. */

import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import {
  type Call,
  type MemoryRegistry,
  type MemoryRepository,
  type Reply,
  startMemoryRegistry,
} from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { createSwitches } from './switches.ts'

export const HUAWEI_KEY = { id: 'HPUAEXAMPLEKEY000001', secret: 'huawei-example-secret' } as const
export const TEMPORARY = { id: 'HSTAEXAMPLEKEY000001', secret: 'huawei-temporary', session: 'session-token' } as const
export const PROJECT = 'cn-north-4'
/** What `docker login` is given for the permanent key. */
export const LOGIN = {
  username: `${PROJECT}@${HUAWEI_KEY.id}`,
  password: createHmac('sha256', HUAWEI_KEY.secret).update(HUAWEI_KEY.id).digest('hex'),
}
const PUSHED = '2026-01-02T03:04:05Z'

export interface SwrOptions {
  /** Organizations of other customers. */
  readonly foreign?: readonly string[]
  /** The first parts of paths of the API that the key may not use. */
  readonly denied?: RegExp
  /** How many milliseconds its clock is ahead. */
  readonly clock?: number
}

export interface FakeSwr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly organizations: Set<string>
  /** Who has signed in to the token server. */
  readonly accounts: string[]
}

/** A refusal of the API, in one of its three forms. */
class ApiRefusal extends Error {
  readonly reply: Reply
  constructor(status: number, code: string, message: string, form: 'gateway' | 'errors' | 'array' = 'errors') {
    super(message)
    const one = { errorCode: code, errorMessage: message }
    const body =
      form === 'gateway'
        ? { error_code: code, error_msg: message, request_id: 'r' }
        : form === 'array'
          ? [{ ...one, detail: '' }]
          : { errors: [one] }
    this.reply = json(status, body)
  }
}

export async function startSwr(options: SwrOptions = {}): Promise<FakeSwr> {
  const now = (): number => Date.now() + (options.clock ?? 0)
  const switches = createSwitches()
  const organizations = new Set(['contract'])
  const foreign = new Set(options.foreign ?? [])
  const accounts: string[] = []
  const temporary = new Set<string>()
  let tokens = new Map<string, readonly string[]>()
  let looping = false
  const content = await startMemoryRegistry({
    fault: switches.faultOf,
    catalog: false,
    location: 'absolute',
    intercept,
    authorize,
  })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (pathname === '/swr/auth/v2/registry/auth') return token(call)
    if (pathname.startsWith('/dockyard/v2/')) return await dockyard(call)
    if (pathname.startsWith('/v2/manage/')) return await manage(call)
    return call.method === 'PUT' && /\/manifests\//.test(pathname) ? await refusedIndex(call) : undefined
  }

  /** An index of OCI is not read. */
  async function refusedIndex(call: Call): Promise<Reply | undefined> {
    if (!/oci\.image\.index/.test(call.headers['content-type'] ?? '')) return undefined
    authorize(call)
    throw new Refusal(400, 'MANIFEST_INVALID', "Invalid image, fail to parse 'manifest.json'")
  }

  const isLogin = (header: string): boolean => {
    const [user = '', ...password] = Buffer.from(header.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const isRight = (user === LOGIN.username && password.join(':') === LOGIN.password) || temporary.has(header)
    if (isRight) accounts.push(user)
    return isRight
  }

  function token(call: Call): Reply {
    const { authorization } = call.headers
    if (authorization !== undefined && !isLogin(authorization)) throw new Refusal(401, 'DENIED', 'Authenticate Error')
    const scopes = call.url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    const granted = scopes.map((scope) => {
      const [kind = '', name = '', actions = ''] = scope.split(':')
      const isOwn = authorization !== undefined && organizations.has(name.split('/')[0] ?? '')
      return `${kind}:${name}:${isOwn ? actions : ''}`
    })
    const value = randomBytes(9).toString('hex')
    tokens.set(value, granted)
    return json(200, { token: value, expires_in: 1800, issued_at: new Date().toISOString() })
  }

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? ''
    const scopes = tokens.get(value)
    const challenge = `Bearer realm="${content.url}/swr/auth/v2/registry/auth",service="dockyard"`
    const refused = new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
      headers: { 'www-authenticate': challenge },
    })
    if (!scopes) throw refused
    for (const needed of neededScopes(call)) {
      const [, name, actions = ''] = needed.split(':')
      const had = scopes.flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      if (!actions.split(',').every((action) => had.includes(action))) throw refused
    }
  }

  /** Signed. */
  async function manage(call: Call): Promise<Reply> {
    const body = await bodyOf(call)
    try {
      const key = signer(call, body, now())
      if (options.denied?.test(`${call.method} ${call.url.pathname}`))
        throw new ApiRefusal(403, 'SVCSTG.SWR.4030000', 'Forbidden: no permission', 'array')
      if (call.headers['content-type']?.startsWith('application/json') !== true)
        throw new ApiRefusal(400, 'SVCSTG.SWR.4000001', 'content type')
      return answer(call, body, key)
    } catch (error) {
      if (error instanceof ApiRefusal) return dated(error.reply, now())
      throw error
    }
  }

  function answer(call: Call, body: Buffer, key: typeof HUAWEI_KEY | typeof TEMPORARY): Reply {
    const { method, url } = call
    const parts = url.pathname.slice('/v2/manage/'.length).split('/').map(decodeURIComponent)
    const [kind, organization = '', repos, repository = '', tags, tag] = parts
    const route = `${method} ${[kind, organization && 'O', repos, repository && 'R', tags, tag && 'T'].filter(Boolean).join('/')}`
    switch (route) {
      case 'POST utils/O':
        return temporaryLogin(url, key)
      case 'GET namespaces':
        return json(200, { namespaces: [...organizations].map(shown) })
      case 'POST namespaces':
        return createOrganization(body)
      case 'GET namespaces/O':
        if (organizations.has(organization)) return json(200, shown(organization))
        throw new ApiRefusal(404, 'SVCSTG.SWR.4040058', 'The namespace does not exist')
      case 'GET repos': {
        const wanted = url.searchParams.get('namespace') ?? ''
        // Fuzzy, as filters are.
        const all = ownRepositories().filter(({ namespace }) => namespace.includes(wanted))
        return page(url, all)
      }
      case 'GET namespaces/O/repos/R/tags':
        return page(url, tagsOf(found(organization, repository)))
      case 'DELETE namespaces/O/repos/R/tags/T':
        if (!found(organization, repository).tags.delete(tag ?? ''))
          throw new ApiRefusal(404, 'SVCSTG.SWR.4040048', 'The tag does not exist')
        return { status: 204 }
      default:
        throw new ApiRefusal(404, 'APIGW.0101', `The API does not exist: ${route}`, 'gateway')
    }
  }

  function temporaryLogin(url: URL, key: typeof HUAWEI_KEY | typeof TEMPORARY): Reply {
    const project = url.searchParams.get('projectname')
    if (url.pathname !== '/v2/manage/utils/secret' || project !== PROJECT)
      throw new ApiRefusal(400, 'SVCSTG.SWR.4000001', 'project')
    const auth = Buffer.from(`${project}@${key.id}X:${randomBytes(6).toString('hex')}`).toString('base64')
    temporary.add(`Basic ${auth}`)
    const until = new Date(now() + 6 * 3_600_000).toISOString()
    return json(
      200,
      { auths: { [content.host]: { auth } } },
      { 'x-swr-expireat': until, 'x-swr-dockerlogin': 'docker' },
    )
  }

  function createOrganization(body: Buffer): Reply {
    const { namespace } = JSON.parse(body.toString('utf8')) as { namespace?: unknown }
    if (typeof namespace !== 'string' || !/^[a-z][a-z0-9._-]{0,63}$/.test(namespace))
      throw new ApiRefusal(400, 'SVCSTG.SWR.4000002', 'Invalid namespace')
    if (organizations.has(namespace) || foreign.has(namespace))
      throw new ApiRefusal(409, 'SVCSTG.SWR.4090060', 'The namespace already exists')
    organizations.add(namespace)
    return { status: 201 }
  }

  function found(organization: string, name: string): MemoryRepository {
    if (name.includes('/')) throw new ApiRefusal(404, 'SVCSTG.SWR.4040000', 'not found')
    const repository = content.repositories.get(`${organization}/${name.replaceAll('$', '/')}`)
    if (!repository) throw new ApiRefusal(404, 'SVCSTG.SWR.4040012', 'The repository does not exist', 'array')
    return repository
  }

  const ownRepositories = () =>
    [...content.repositories].flatMap(([full, { tags }]) => {
      const [namespace = '', ...name] = full.split('/')
      const one = { namespace, name: name.join('/'), category: 'other', num_images: tags.size, tags: [...tags.keys()] }
      return organizations.has(namespace) ? [one] : []
    })

  const tagsOf = ({ tags, manifests }: MemoryRepository) =>
    [...tags].map(([Tag, digest]) => ({
      ...{ id: 1, repo_id: 1, Tag, digest, image_id: 'x', created: PUSHED, updated: PUSHED, tag_type: 0 },
      manifest: Buffer.from(manifests.get(digest)?.bytes ?? []).toString('utf8'),
    }))

  /** 100 unless said otherwise, 1,000 at most; an offset without a limit is not heard. */
  function page<T>(url: URL, all: readonly T[]): Reply {
    const limit = url.searchParams.get('limit')
    const offset = limit === null || looping ? 0 : Number(url.searchParams.get('offset') ?? 0)
    const size = Number(limit ?? 100)
    if (!(size >= 1 && size <= 1000)) throw new ApiRefusal(400, 'SVCSTG.SWR.4000003', 'Invalid limit')
    const items = all.slice(offset, offset + size)
    const total = looping ? 1_000_000 : all.length
    return json(200, items, { 'content-range': `${offset}-${items.length}/${total}` })
  }

  /** Beside the registry, with its password, and not documented. */
  async function dockyard(call: Call): Promise<Reply> {
    const body = await bodyOf(call)
    if (!isLogin(call.headers.authorization ?? '')) throw new Refusal(401, 'DENIED', 'Authenticate Error')
    try {
      const path = `${call.method} ${call.url.pathname.slice('/dockyard/v2'.length)}`
      if (path === 'GET /visible/namespaces') return json(200, { namespaces: [...organizations].map(shown) })
      if (path === 'POST /namespaces') return createOrganization(body)
      if (path === 'GET /repositories' && call.url.search === '?filter=center::self')
        return json(200, ownRepositories())
      const name = /^GET \/namespaces\/(.+)$/.exec(path)?.[1]
      if (name !== undefined) return json(200, organizations.has(name) ? shown(name) : {})
      throw new ApiRefusal(404, 'SVCSTG.SWR.4040000', 'not found')
    } catch (error) {
      if (error instanceof ApiRefusal) return error.reply
      throw error
    }
  }

  return {
    content,
    organizations,
    accounts,
    registry: {
      name: 'it',
      type: 'huawei-swr',
      url: content.url,
      options: { region: PROJECT, api_url: content.url },
      credential: { type: 'access_key', username: HUAWEI_KEY.id, password: HUAWEI_KEY.secret },
    },
    env: {},
    namespace: 'contract',
    seed: (repository, tag, artifact) => content.add(repository, artifact, tag),
    requests: () => content.requests.map(({ method, path }) => `${method} ${path}`),
    fault: switches.fault,
    loop(on) {
      looping = on
    },
    expire() {
      tokens = new Map()
      temporary.clear()
    },
    close: () => content.close(),
  }
}

function dated(reply: Reply, now: number): Reply {
  return { ...reply, headers: { ...reply.headers, date: new Date(now).toUTCString() } }
}

const shown = (name: string) => ({ id: 1, name, creator_name: 'somebody', auth: 7 })

async function bodyOf(call: Call): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of call.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const incorrect = (why: string): ApiRefusal =>
  new ApiRefusal(401, 'APIGW.0301', `Incorrect IAM authentication information: ${why}`, 'gateway')

/** Which key has signed a request, by the rules of SDK-HMAC-SHA256, at most 15 minutes ago. */
function signer({ method, url, headers }: Call, body: Buffer, now: number) {
  const [, id, names = '', signature] =
    /^SDK-HMAC-SHA256 Access=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  const key = [HUAWEI_KEY, TEMPORARY].find((one) => one.id === id)
  if (!key) throw incorrect('access key')
  const session = 'session' in key ? key.session : undefined
  if (headers['x-security-token'] !== session) throw incorrect('security token')
  const date = String(headers['x-sdk-date'])
  const time = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!(Math.abs(time - now) <= 15 * 60_000)) throw incorrect('x-sdk-date expired')
  const signed = names.split(';')
  if (!signed.includes('x-sdk-date')) throw incorrect('x-sdk-date is not signed')
  const unreserved = (text: string): string =>
    [...Buffer.from(text, 'utf8')]
      .map((byte) => {
        const one = String.fromCharCode(byte)
        return /[A-Za-z0-9_.~-]/.test(one) ? one : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
      })
      .join('')
  const path = url.pathname
    .replace(/\/?$/, '/')
    .split('/')
    .map((part) => unreserved(decodeURIComponent(part)))
  const query = [...url.searchParams].map(([name, value]) => [unreserved(name), unreserved(value)] as const)
  const canonical = `${method}\n${path.join('/')}\n${query
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join('='))
    .join(
      '&',
    )}\n${signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`).join('')}\n${names}\n${hash(body)}`
  const proof = createHmac('sha256', key.secret)
    .update(`SDK-HMAC-SHA256\n${date}\n${hash(canonical)}`)
    .digest('hex')
  if (proof !== signature) throw incorrect('verify signature failed')
  return key
}

function hash(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
