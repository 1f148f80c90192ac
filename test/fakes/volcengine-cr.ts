/** Volcengine's Container Registry in memory: the registry of an instance with its token server, and the API of all actions at one path. */

import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import { type Call, type MemoryRegistry, type Reply, startMemoryRegistry } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'
import { neededScopes } from '../support/memory-routes.ts'
import { createSwitches } from './switches.ts'

export const VOLCENGINE_KEY = { id: 'AKLTEXAMPLE', secret: 'volcengine-example-secret' } as const
export const TEMPORARY = { id: 'AKTPEXAMPLE', secret: 'volcengine-temporary', session: 'session-token' } as const
/** What `docker login` is given. */
export const LOGIN = { username: 'mirror@2100000000', password: 'docker-password' } as const
export const INSTANCE = 'my-cn-registry'
export const REGION = 'cn-beijing'
const PUSHED = '2026-01-02T03:04:05Z'
const VERSION = '2022-05-12'

export interface VolcengineOptions {
  /** Default `Running`. */
  readonly phase?: string
  /** Public access to the registry is off. */
  readonly closed?: boolean
  /** Actions that the key may not ask for. */
  readonly denied?: readonly string[]
  /** By the service's clock, in milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds that a password lives; default an hour. */
  readonly life?: number
}

export interface FakeVolcengine extends AdapterUnderTest {
  readonly content: MemoryRegistry
  readonly namespaces: Set<string>
  /** The access levels that repositories were created with. */
  readonly created: Map<string, unknown>
  /** How many passwords were given out. */
  signIns(): number
  /** Those that hold. */
  passwords(): readonly string[]
}

type Input = Readonly<Record<string, unknown>>

class ApiRefusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export async function startVolcengine(options: VolcengineOptions = {}): Promise<FakeVolcengine> {
  const { now = Date.now, denied = [] } = options
  const switches = createSwitches()
  const namespaces = new Set(['contract'])
  const created = new Map<string, unknown>()
  const passwords = new Map<string, number>()
  let signIns = 0
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
    if (pathname === '/service/token') return token(call)
    if (pathname === '/') return api(call)
    if (options.closed) throw new Refusal(403, 'DENIED', 'access from this address is not allowed')
    if (call.method !== 'DELETE') return undefined
    // Which it does not offer.
    authorize(call)
    const [, repository = '', digest = ''] = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(pathname) ?? []
    const isThere = [...(content.repositories.get(repository)?.manifests.keys() ?? [])].some((one) => one === digest)
    throw isThere
      ? new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
      : new Refusal(404, 'MANIFEST_UNKNOWN', 'manifest unknown')
  }

  function token(call: Call): Reply {
    const { authorization } = call.headers
    const [user, password = ''] = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    const isLogin = user === LOGIN.username && password === LOGIN.password
    const isValid = isLogin || (passwords.get(`${user}:${password}`) ?? 0) > now()
    if (authorization !== undefined && !isValid) throw new Refusal(401, 'UNAUTHORIZED', 'authentication required')
    const scopes = call.url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    const value = randomBytes(9).toString('hex')
    tokens.set(value, authorization === undefined ? [] : scopes)
    return json(200, { token: value, expires_in: 1800 })
  }

  function authorize(call: Call): void {
    const value = /^Bearer (.+)$/.exec(call.headers.authorization ?? '')?.[1] ?? ''
    const scopes = tokens.get(value)
    const challenge = `Bearer realm="${content.url}/service/token",service="${INSTANCE}"`
    const refused = new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
      headers: { 'www-authenticate': challenge },
    })
    if (!scopes) throw refused
    for (const needed of neededScopes(call)) {
      const [, name = '', actions = ''] = needed.split(':')
      const had = scopes.flatMap((scope) =>
        scope.split(':')[1] === name ? (scope.split(':')[2] ?? '').split(',') : [],
      )
      if (!actions.split(',').every((action) => had.includes(action))) throw refused
      // A push creates nothing.
      if (actions.includes('push') && !content.repositories.has(name)) {
        throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry')
      }
    }
  }

  async function api(call: Call): Promise<Reply> {
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const Action = call.url.searchParams.get('Action') ?? ''
    const ResponseMetadata = { RequestId: 'r', Action, Version: VERSION, Service: 'cr', Region: REGION }
    try {
      checkSignature(call, body, now())
      const run = call.method === 'POST' && call.url.searchParams.get('Version') === VERSION && actions[Action]
      if (!run) throw new ApiRefusal(404, 'InvalidActionOrVersion', `Could not find operation ${Action}`)
      if (denied.includes(Action)) throw new ApiRefusal(403, 'AccessDenied', `User is not authorized to cr:${Action}`)
      const input = JSON.parse(body.toString('utf8')) as Input
      if (Action !== 'ListRegistries') checkInstance(input)
      const Result = run(input)
      return json(200, { ResponseMetadata, ...(Result === undefined ? {} : { Result }) })
    } catch (error) {
      if (!(error instanceof ApiRefusal)) throw error
      const { status, code: Code, message: Message } = error
      return json(status, { ResponseMetadata: { ...ResponseMetadata, Error: { Code, Message } } })
    }
  }

  function checkInstance({ Registry }: Input): void {
    if (Registry !== INSTANCE) throw new ApiRefusal(404, 'NotFound.Registry', `The registry ${Registry} does not exist`)
    const { phase = 'Running' } = options
    if (phase !== 'Running') throw new ApiRefusal(400, 'OperationDenied.RegistryStatus', `The registry is ${phase}`)
  }

  /** 10 unless said otherwise, 100 at most. */
  function page<T>(all: readonly T[], { PageNumber = 1, PageSize = 10 }: Input): unknown {
    const size = Number(PageSize)
    const number = looping ? 1 : Number(PageNumber)
    if (!(size >= 1 && size <= 100)) throw new ApiRefusal(400, 'InvalidParameter.PageSize', 'PageSize')
    const found = all.slice((number - 1) * size, number * size)
    return {
      ...{ PageNumber: number, PageSize: size, TotalCount: looping ? 1_000_000 : all.length },
      Items: found.length === 0 ? null : found,
    }
  }

  /** Names are matched by what they contain. */
  const named = (input: Input, key: string, name: string): boolean => {
    const wanted = (input.Filter as Record<string, readonly string[] | undefined> | undefined)?.[key]
    return wanted === undefined || wanted.some((one) => name.includes(one))
  }

  function repositoryOf({ Namespace, Repository }: Input) {
    const found = content.repositories.get(`${Namespace}/${Repository}`)
    if (found) return found
    throw new ApiRefusal(404, 'NotFound.Repository', `The repository ${Repository} does not exist`)
  }

  const repositories = () =>
    [...content.repositories.keys()].map((full) => {
      const slash = full.indexOf('/')
      return {
        Namespace: full.slice(0, slash),
        Name: full.slice(slash + 1),
        AccessLevel: 'Private',
        CreateTime: PUSHED,
      }
    })

  const actions: Readonly<Record<string, (input: Input) => unknown>> = {
    ListRegistries: (input) =>
      page(
        [INSTANCE, `${INSTANCE}-2`]
          .filter((Name) => named(input, 'Names', Name))
          .map((Name) => ({ Name, Type: 'Enterprise', Status: { Phase: options.phase ?? 'Running', Conditions: [] } }))
          .reverse(),
        input,
      ),
    GetAuthorizationToken() {
      signIns += 1
      const until = now() + (options.life ?? 3_600_000)
      const password = randomBytes(9).toString('hex')
      passwords.set(`temporary:${password}`, until)
      return { Username: 'temporary', Token: password, ExpireTime: new Date(until).toISOString() }
    },
    GetPublicEndpoint: () => ({ Registry: INSTANCE, Enabled: !options.closed, Status: 'Enabled' }),
    ListNamespaces: (input) =>
      page(
        [...namespaces].filter((Name) => named(input, 'Names', Name)).map((Name) => ({ Name, Project: 'default' })),
        input,
      ),
    CreateNamespace({ Name }) {
      if (!/^[a-z0-9]+([._-][a-z0-9]+)*$/.test(String(Name)))
        throw new ApiRefusal(400, 'InvalidParameter.Name', 'the name of the namespace is invalid')
      if (namespaces.has(String(Name))) throw new ApiRefusal(400, 'AlreadyExists.Namespace', 'it exists already')
      namespaces.add(String(Name))
    },
    ListRepositories: (input) =>
      page(
        repositories().filter(
          ({ Namespace, Name }) => named(input, 'Namespaces', Namespace) && named(input, 'Names', Name),
        ),
        input,
      ),
    CreateRepository({ Namespace, Name, AccessLevel }) {
      if (!namespaces.has(String(Namespace))) throw new ApiRefusal(404, 'NotFound.Namespace', 'there is no namespace')
      const full = `${Namespace}/${Name}`
      if (content.repositories.has(full)) throw new ApiRefusal(400, 'AlreadyExists.Repository', 'it exists already')
      content.repository(full)
      created.set(full, AccessLevel)
    },
    ListTags(input) {
      const { tags } = repositoryOf(input)
      const all = [...tags].map(([Name, Digest]) => ({ Name, Digest, Type: 'Image', Size: 77, PushTime: PUSHED }))
      return page(all, input)
    },
    DeleteTags(input) {
      const repository = repositoryOf(input)
      const Successes: unknown[] = []
      const Failures: unknown[] = []
      for (const Name of input.Names as readonly string[]) {
        const digest = repository.tags.get(Name)
        if (!digest) {
          Failures.push({ Name, Reason: 'NotFound' })
          continue
        }
        repository.tags.delete(Name)
        if (![...repository.tags.values()].includes(digest)) repository.manifests.delete(digest)
        Successes.push({ Name })
      }
      return { Successes, Failures }
    },
  }

  return {
    content,
    namespaces,
    created,
    signIns: () => signIns,
    passwords: () => [...passwords.keys()].map((one) => one.slice(one.indexOf(':') + 1)),
    registry: {
      name: 'it',
      type: 'volcengine-cr',
      url: content.url,
      options: { instance: INSTANCE, region: REGION, api_url: content.url },
      credential: { type: 'access_key', username: VOLCENGINE_KEY.id, password: VOLCENGINE_KEY.secret },
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
      passwords.clear()
    },
    close: () => content.close(),
  }
}

/** Recomputes the signature over the headers that are declared as signed, for one region and service, at most 15 minutes ago. */
function checkSignature({ url, method, headers }: Call, body: Buffer, now: number): void {
  const [, id, day = '', region = '', service = '', names = '', signature] =
    /^HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (signature === undefined) throw new ApiRefusal(400, 'InvalidAuthorization', 'the authorization is malformed')
  const key = [VOLCENGINE_KEY, TEMPORARY].find((one) => one.id === id)
  if (!key) throw new ApiRefusal(401, 'InvalidAccessKey', 'the access key does not exist')
  const session = 'session' in key ? key.session : undefined
  if (headers['x-security-token'] !== session) throw new ApiRefusal(401, 'InvalidSecretToken', 'security token')
  const refused = (why: string) => new ApiRefusal(401, 'SignatureDoesNotMatch', why)
  const date = String(headers['x-date'])
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  const time = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s))
  if (!(Math.abs(time - now) <= 15 * 60_000)) throw new ApiRefusal(401, 'InvalidTimestamp', 'the date has expired')
  if (region !== REGION || service !== 'cr' || !date.startsWith(day)) throw refused('scope')
  const bodyHash = createHash('sha256').update(body).digest('hex')
  if (headers['x-content-sha256'] !== bodyHash) throw refused('x-content-sha256')
  const list = names.split(';')
  const needed = ['host', 'x-date', 'x-content-sha256', ...(session === undefined ? [] : ['x-security-token'])]
  if (!needed.every((one) => list.includes(one)) || list.join() !== [...list].sort().join()) throw refused('headers')
  const query = url.search
    .slice(1)
    .split('&')
    .map((pair) => pair.replaceAll('+', '%20'))
    .sort()
    .join('&')
  let canonical = `${method}\n/\n${query}\n`
  for (const name of list) canonical += `${name}:${String(headers[name] ?? '').trim()}\n`
  canonical += `\n${names}\n${bodyHash}`
  const text = `HMAC-SHA256\n${date}\n${day}/${region}/${service}/request\n${createHash('sha256').update(canonical).digest('hex')}`
  let secret: Buffer = Buffer.from(key.secret)
  for (const part of [day, region, service, 'request', text]) {
    secret = createHmac('sha256', secret).update(part).digest()
  }
  if (secret.toString('hex') !== signature) throw refused('the signature does not match')
}
