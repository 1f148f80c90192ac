/** Tencent Container Registry in memory: an instance's registry with its token server, and Tencent Cloud's API on the same address. */

import { createHash, createHmac, randomBytes } from 'node:crypto'
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
import { createSwitches } from './switches.ts'

export const TENCENT_KEY = { id: 'AKIDEXAMPLE0123456789', secret: 'tencent-secret-key' } as const
/** Of `docker login`. */
export const TENCENT_LOGIN = { user: '100012345678', password: 'login-password' } as const
const INSTANCE = 'tcr-abc12345'
const REGION = 'ap-shanghai'

export interface TcrOptions {
  /** Of a temporary key. */
  readonly session?: string
  /** Actions that the key may not use. */
  readonly denied?: readonly string[]
  /** The service's clock, in milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds that a token of an instance lives; default an hour. */
  readonly life?: number
  /** Other instances of the account, found by the same search. */
  readonly instances?: readonly Readonly<Record<string, unknown>>[]
  /** DescribeImages of an unknown repository gives an empty list. */
  readonly quiet?: boolean
}

export interface FakeTcr extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly namespaces: Map<string, { isPublic: boolean }>
  /** Tokens of the instance that were given out. */
  signIns(): number
  requests(): readonly string[]
}

class TencentError extends Error {
  readonly code: string
  constructor(code: string, message = code) {
    super(message)
    this.code = code
  }
}

type Body = Readonly<Record<string, unknown>>

export async function startTcr(options: TcrOptions = {}): Promise<FakeTcr> {
  const { denied = [], now = Date.now, life = 3_600_000 } = options
  const switches = createSwitches()
  const namespaces = new Map([
    ['team', { isPublic: false }],
    ['team-a', { isPublic: false }],
    ['my-team', { isPublic: true }],
  ])
  const passwords = new Map<string, number>()
  let bearers = new Map<string, readonly string[]>()
  let looping = false

  /** Every request to the API has one path: its action tells them apart. */
  const nameOf = ({ path, headers }: Pick<LoggedRequest, 'path' | 'headers'>): string =>
    path === '/' ? `/ ${headers['x-tc-action']}` : path

  const content = await startMemoryRegistry({
    authorize,
    intercept,
    location: 'absolute',
    catalog: 401,
    referrers: false,
    fault: (entry) => switches.faultOf({ method: entry.method, path: nameOf(entry) }),
  })

  async function intercept(call: Call): Promise<Reply | undefined> {
    const { pathname } = call.url
    if (pathname === '/') return control(call)
    if (pathname === '/service/token') return token(call)
    const isDelete = call.method === 'DELETE' && /\/manifests\/[^:]+$/.test(pathname)
    // As Harbor: no tag alone.
    if (isDelete) throw new Refusal(400, 'UNSUPPORTED', 'the reference is not a digest')
    return undefined
  }

  const challenge = (): string => `Bearer realm="${content.url}/service/token",service="harbor-registry"`

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1]
    const scopes = value === undefined ? undefined : bearers.get(value)
    const refusal = (): Refusal => {
      const headers = { 'www-authenticate': challenge() }
      return new Refusal(401, 'UNAUTHORIZED', 'unauthorized to access repository', { headers })
    }
    if (!scopes) throw refusal()
    for (const needed of neededScopes(call)) {
      const [, name, actions = ''] = needed.split(':')
      const had = scopes.flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      if (!actions.split(',').every((action) => had.includes(action))) throw refusal()
    }
  }

  function token(call: Call): Reply {
    const { searchParams } = call.url
    if (searchParams.get('service') !== 'harbor-registry') throw new Refusal(400, 'INVALID', 'unknown service')
    const [user = '', ...rest] = Buffer.from((call.headers.authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const password = rest.join(':')
    const isLogin = user === TENCENT_LOGIN.user && password === TENCENT_LOGIN.password
    const until = user === TENCENT_LOGIN.user ? passwords.get(password) : undefined
    if (!isLogin && (until === undefined || until < now()))
      throw new Refusal(401, 'UNAUTHORIZED', 'authentication failed')
    const granted = searchParams
      .getAll('scope')
      .flatMap((scope) => scope.split(' '))
      .filter((scope) => namespaces.has(scope.split(':')[1]?.split('/')[0] ?? ''))
    const value = randomBytes(9).toString('hex')
    bearers.set(value, granted)
    return json(200, { token: value, expires_in: 1800, issued_at: new Date(now()).toISOString() })
  }

  async function control(call: Call): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const RequestId = '00000000-0000-0000-0000-000000000000'
    try {
      checkSignature(call, body, now(), options.session)
      const action = String(call.headers['x-tc-action'])
      const run = actions[action]
      if (!run || call.headers['x-tc-version'] !== '2019-09-24') throw new TencentError('InvalidAction')
      const region = call.headers['x-tc-region']
      if (region === undefined) throw new TencentError('MissingParameter', 'The request is missing X-TC-Region.')
      if (denied.includes(action)) {
        throw new TencentError('UnauthorizedOperation', `you are not authorized to perform operation (tcr:${action})`)
      }
      const input = JSON.parse(body.toString('utf8')) as Body
      if (action !== 'DescribeInstances' && (region !== REGION || input.RegistryId !== INSTANCE)) {
        throw new TencentError('ResourceNotFound.ErrNoInstance', 'the instance does not exist in this region')
      }
      return json(200, { Response: { ...run(input), RequestId } })
    } catch (error) {
      if (!(error instanceof TencentError)) throw error
      return json(200, { Response: { Error: { Code: error.code, Message: error.message }, RequestId } })
    }
  }

  /** The offset is the number of the page; 0 is the first one, too. */
  function pageOf<T>(all: readonly T[], { Offset, Limit }: Body): readonly T[] {
    const size = Number(Limit ?? 20)
    if (!(size >= 1 && size <= 100)) throw new TencentError('InvalidParameter', 'Limit must be within 1 and 100')
    const page = looping ? 1 : Math.max(1, Number(Offset ?? 1))
    return all.slice((page - 1) * size, page * size)
  }

  const repositoryOf = ({ NamespaceName, RepositoryName }: Body) => {
    const found = content.repositories.get(`${NamespaceName}/${RepositoryName}`)
    if (!found) throw new TencentError('ResourceNotFound.ErrNoRepo', 'repository not found')
    return found
  }

  const actions: Readonly<Record<string, (input: Body) => Body>> = {
    DescribeInstances({ AllRegion, Filters, Registryids }) {
      if (AllRegion !== true) return { Registries: [], TotalCount: 0 }
      const own = {
        RegistryId: INSTANCE,
        RegistryName: 'acme',
        RegistryType: 'premium',
        Status: 'Running',
        PublicDomain: 'acme.tencentcloudcr.com',
        InternalEndpoint: '10.0.0.7',
        RegionName: REGION,
        TokenValidTime: 3600,
      }
      const [filter] = (Filters ?? []) as readonly { Name: string; Values: readonly string[] }[]
      const found = [...(options.instances ?? []), own].filter(
        (one: Body) =>
          (!filter || filter.Values.some((value) => String(one.RegistryName).includes(value))) &&
          (!Registryids || (Registryids as readonly unknown[]).includes(one.RegistryId)),
      )
      return { Registries: found, TotalCount: found.length }
    },
    CreateInstanceToken({ TokenType }) {
      if (TokenType !== 'temp') throw new TencentError('InvalidParameter', 'tokens that last are not for a run')
      const Token = `eyJ.${randomBytes(12).toString('hex')}`
      const ExpTime = now() + life
      passwords.set(Token, ExpTime)
      return { Username: TENCENT_LOGIN.user, Token, ExpTime, TokenId: '' }
    },
    DescribeNamespaces(input) {
      const found = [...namespaces.keys()].filter((name) => name.includes(String(input.NamespaceName ?? '')))
      const shown = input.All === true ? found : pageOf(found, input)
      return { NamespaceList: shown.map((Name) => ({ Name, NamespaceId: 7 })), TotalCount: found.length }
    },
    CreateNamespace({ NamespaceName, IsPublic }) {
      if (typeof IsPublic !== 'boolean') throw new TencentError('MissingParameter', 'IsPublic')
      const name = String(NamespaceName)
      if (!/^(?=.{2,30}$)[a-z0-9]+([._-][a-z0-9]+)*$/.test(name)) {
        throw new TencentError('InvalidParameter.ErrorTcrInvalidParameter', 'invalid namespace name')
      }
      if (namespaces.has(name)) throw new TencentError('InternalError.ErrorTcrInternal', 'tcr internal error')
      namespaces.set(name, { isPublic: IsPublic })
      return {}
    },
    DescribeRepositories(input) {
      const found = [...content.repositories.keys()].filter(
        (name) => input.NamespaceName === undefined || name.startsWith(`${input.NamespaceName}/`),
      )
      const shown = pageOf(found, input).map((Name) => ({ Name, Namespace: Name.split('/')[0], Public: false }))
      return { RepositoryList: shown, TotalCount: found.length }
    },
    DescribeImages(input) {
      if (options.quiet && !content.repositories.has(`${input.NamespaceName}/${input.RepositoryName}`)) {
        return { ImageInfoList: [], TotalCount: 0 }
      }
      const { tags } = repositoryOf(input)
      const shown = pageOf([...tags], input).map(([ImageVersion, Digest]) => ({
        ImageVersion,
        Digest,
        Size: 77,
        UpdateTime: '2026-01-02T03:04:05Z',
        Kind: 'image',
      }))
      return { ImageInfoList: shown, TotalCount: looping ? 1000 : tags.size }
    },
    DeleteImage(input) {
      const { tags } = repositoryOf(input)
      if (!tags.delete(String(input.ImageVersion))) throw new TencentError('ResourceNotFound.ErrNoTag', 'no such tag')
      return {}
    },
  }

  return {
    content,
    namespaces,
    signIns: () => passwords.size,
    registry: {
      name: 'it',
      type: 'tencent-tcr',
      url: content.url,
      options: { api_url: content.url, instance: INSTANCE },
      credential: {
        type: 'access_key',
        username: TENCENT_KEY.id,
        password: TENCENT_KEY.secret,
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

/** As the service does: over the request as it came. */
function checkSignature({ method, headers }: Call, body: Buffer, now: number, session: string | undefined): void {
  const [, id, date, names = '', signature] =
    /^TC3-HMAC-SHA256 Credential=([^/]+)\/(\d{4}-\d\d-\d\d)\/tcr\/tc3_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (id === undefined) throw new TencentError('AuthFailure.InvalidAuthorization', 'Authorization is malformed')
  if (id !== TENCENT_KEY.id) throw new TencentError('AuthFailure.SecretIdNotFound', 'The SecretId is not found')
  if (headers['x-tc-token'] !== session) throw new TencentError('AuthFailure.TokenFailure', 'The token is wrong')
  const timestamp = Number(headers['x-tc-timestamp'])
  if (!(Math.abs(timestamp * 1000 - now) <= 300_000)) {
    throw new TencentError('AuthFailure.SignatureExpire', 'The provided timestamp is too far from now')
  }
  const host = (headers.host ?? '').replace(/:\d+$/, '')
  const signed = names.split(';')
  const lines = signed.map(
    (name) => `${name}:${(name === 'host' ? host : String(headers[name] ?? '')).trim().toLowerCase()}\n`,
  )
  const canonical = `${method}\n/\n\n${lines.join('')}\n${names}\n${hex(body)}`
  const isoDate = new Date(timestamp * 1000).toISOString().slice(0, 10)
  const text = `TC3-HMAC-SHA256\n${timestamp}\n${isoDate}/tcr/tc3_request\n${hex(Buffer.from(canonical))}`
  const keyOfDate = createHmac('sha256', `TC3${TENCENT_KEY.secret}`).update(isoDate).digest()
  const keyOfService = createHmac('sha256', keyOfDate).update('tcr').digest()
  const keyOfRequest = createHmac('sha256', keyOfService).update('tc3_request').digest()
  const isWhole = signed.includes('content-type') && signed.includes('host') && date === isoDate
  if (!isWhole || createHmac('sha256', keyOfRequest).update(text).digest('hex') !== signature) {
    throw new TencentError(
      'AuthFailure.SignatureFailure',
      'The provided credentials could not be validated. Please check your signature is correct.',
    )
  }
}

function hex(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
