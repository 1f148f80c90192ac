/** Asks AWS by its own client, which is loaded only then: signed, tried again when it is asked too often, checked, its refusals told for
 *  what they are. What it sends goes through the client of the program: its proxy, its trust, its limits. */

import type { z } from 'zod'
import type { AdapterTools } from '../../src/core/adapter.ts'
import { abortReason, sleep } from '../../src/core/cancel.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, CredentialError, RegistryError, ReplicateError } from '../../src/core/errors.ts'
import type { HttpRequest } from '../../src/core/http.ts'
import type { Credential, Registry } from '../../src/core/registry.ts'
import { once } from '../../src/core/remembered.ts'
import { backoff } from '../../src/core/retry.ts'
import { ATTEMPTS } from '../../src/http/retry.ts'
import { restated } from '../../src/oci/registry/restate.ts'

/** How AWS prefixes the operations of a service in permissions. */
export type Service = 'ecr' | 'ecr-public'

/** A call of AWS's client and the form of its answer. */
export interface Call<Client, T> {
  /** Of the API: `DescribeImages`. */
  readonly operation: string
  /** For messages: `list the images of team/app`. */
  readonly what: string
  readonly form: z.ZodType<T>
  send(client: Client, options: CallOptions): Promise<unknown>
}

/** What is handed through AWS's client to the handler below. */
interface CallOptions {
  readonly abortSignal: AbortSignal
  readonly ctx: Context
}

export interface Aws<Client> {
  /** Throws a `CredentialError`, a `RegistryError` with the permission that is missing, or a `NetworkError`. */
  ask<T>(call: Call<Client, T>, ctx: Context): Promise<T>
  /** True if there are keys of AWS. Without them only the registry can be used, not the API: anonymously, or with the password of
   *  `docker login`. */
  isSigned(ctx: Context): Promise<boolean>
}

/** What every client of AWS has. */
interface AnyClient {
  readonly config: { readonly credentials: () => Promise<unknown> }
}

/** `connect` makes AWS's client once, when it is asked for the first time. */
export function openAws<Client extends AnyClient>(
  service: Service,
  registry: Registry,
  credential: () => Promise<Credential>,
  connect: (found: Credential) => Promise<Client>,
): Aws<Client> {
  const client = once(async () => connect(await credential()))
  return {
    isSigned: once(async (ctx) => {
      const found = await credential()
      if (isAnonymous(found, registry)) return false
      if (!isPassword(found)) return true
      // The helper of Docker that made the password has found keys where AWS's own chain would.
      const { config } = await client(ctx)
      return config.credentials().then(
        () => true,
        () => false,
      )
    }),
    async ask({ operation, what, form, send }, ctx) {
      const options: CallOptions = { abortSignal: ctx.signal, ctx }
      for (let attempt = 1; ; attempt += 1) {
        try {
          const answer = client(ctx).then((made) => send(made, options))
          return checked(await orStopped(answer, ctx.signal), form, operation, what)
        } catch (error) {
          if (ctx.signal.aborted) throw abortReason(ctx.signal)
          const meaning = meaningOf(error, operation, what, service)
          const isAgain = isThrottled(error) || (attempt === 1 && isMistimed(error))
          if (!isAgain || attempt >= ATTEMPTS || !(meaning instanceof Error)) throw meaning
          const delay = backoff(attempt, Math.random)
          ctx.emit({ type: 'retry', what: operation, attempt: attempt + 1, delay, reason: meaning.message })
          await sleep(delay, ctx.signal)
        }
      }
    },
  }
}

/** What a client of AWS is made with. Without keys it looks for them in its own chain: environment, profile, role, machine. */
export function clientConfig(found: Credential, registry: Registry, api: AdapterTools['api']) {
  const keys = keysOf(found)
  const endpoint = textOption(registry, 'endpoint', (text) => URL.canParse(text), 'a URL')
  return {
    // Tried again above, where it is said and can be stopped.
    maxAttempts: 1,
    requestHandler: requestHandler(api),
    ...(keys ? { credentials: keys } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
  }
}

/** Throws a `ConfigurationError` where it is not such as AWS's client takes. */
export function textOption(
  { name, options }: Registry,
  option: string,
  isGood: (text: string) => boolean,
  what: string,
): string | undefined {
  const given = options?.[option]
  if (typeof given !== 'string' || isGood(given)) return typeof given === 'string' ? given : undefined
  throw new ConfigurationError(`registry ${name}: \`${option}\` is not ${what}: ${JSON.stringify(given)}`)
}

/** Of an access key; `REPLICATE_<NAME>_USERNAME` and `_PASSWORD` hold one, too. */
function keysOf(found: Credential) {
  if (found.kind === 'access_key') {
    const session = found.session === undefined ? {} : { sessionToken: found.session }
    return { accessKeyId: found.id, secretAccessKey: found.secret, ...session }
  }
  if (found.kind !== 'basic' || isPassword(found)) return undefined
  return { accessKeyId: found.username, secretAccessKey: found.password }
}

/** The user name of every password that ECR gives out. */
export const ECR_USER = 'AWS'

/** True for what `docker login` was given: a password of the registry, and nothing that signs. */
export function isPassword(found: Credential): boolean {
  return found.kind === 'basic' && found.username === ECR_USER
}

/** True where the configuration asks for anonymous access. */
export function isAnonymous(found: Credential, { credential }: Registry): boolean {
  return found.kind === 'anonymous' && credential?.type === 'anonymous'
}

/** AWS's chain of credentials may run a program or wait for a machine, and hears of no signal. */
function orStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortReason(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function checked<T>(answer: unknown, form: z.ZodType<T>, operation: string, what: string): T {
  const parsed = form.safeParse(answer)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.length ? `${issue.path.join('.')}: ` : ''
  const why = `cannot ${what}: its answer has another form (${place}${issue?.message})`
  throw new RegistryError(why, { status: 200, method: 'POST', path: `/#${operation}` })
}

/** As AWS's client makes them. */
interface SignedRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Refusals that AWS's client reads; any other is an error of ours, tried again where that may help. */
const ANSWERS = [200, 400, 401, 403, 404, 405, 409, 413]
/** In bytes. A page holds 1,000 images, each with up to 1,000 tags. */
const ANSWER_SIZE = 64 * 1024 * 1024

/** The handler for a client of AWS, and for those that its chain of credentials opens. */
function requestHandler(api: AdapterTools['api']) {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: SignedRequest, { abortSignal, ctx }: Partial<CallOptions> = {}) {
      const { method, protocol, hostname, port, path, query = {}, body } = request
      const url = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
      const http = api({ url, name: 'aws', credential: async () => ({ kind: 'anonymous', origin: 'AWS' }) })
      const { host: _, 'user-agent': __, 'content-length': ___, ...headers } = request.headers
      const sent: HttpRequest = {
        method: methodOf(method),
        url: path + queryOf(query),
        headers,
        ...(body === undefined ? {} : { body: bytesOf(body) }),
        expect: ANSWERS,
        whole: ANSWER_SIZE,
      }
      const response = await http.request(sent, ctx ?? quiet(abortSignal))
      const bytes = await response.bytes(ANSWER_SIZE)
      return { response: { statusCode: response.status, headers: response.headers, body: bytes } }
    },
  }
}

/** For what the chain of credentials asks on its own. */
function quiet(signal: AbortSignal = new AbortController().signal): Context {
  return { signal, emit: () => {} }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function methodOf(method: string): HttpRequest['method'] {
  const known = METHODS.find((one) => one === method)
  if (!known) throw new TypeError(`AWS's client sends an unknown method: ${method}`)
  return known
}

function queryOf(query: NonNullable<SignedRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map(
      (one: string) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`,
    ),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function bytesOf(body: unknown): Uint8Array {
  // A plain one: AWS's own warns callers that read it as text.
  if (body instanceof Uint8Array) return new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
  if (typeof body === 'string') return Buffer.from(body)
  throw new TypeError('AWS sends a stream where none was expected')
}

/** The codes of all services of AWS; some services omit the suffix `Exception`. */
const NO_CREDENTIAL = /^(CredentialsProviderError|TokenProviderError|ProviderError)$/
const WRONG =
  /^(UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken|InvalidClientTokenId|InvalidToken|ExpiredToken|RequestExpired)(Exception)?$/
const DENIED = /^(AccessDenied|NotAuthorized|UnauthorizedAccess|UnauthorizedOperation)/
const THROTTLED = /^(Throttling|Throttled|TooManyRequests|RequestLimitExceeded|RequestThrottled)/
const STATUSES: readonly (readonly [RegExp, number])[] = [
  [THROTTLED, 429],
  [DENIED, 403],
  [/NotFound(Exception)?$/, 404],
  [/AlreadyExists(Exception)?$/, 409],
]

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /^LimitExceeded/,
    'raise the quota in AWS Service Quotas (Elastic Container Registry), or delete what is not needed',
  ],
  [/^Kms/, 'the key of kms_key must be in the same region, and its policy must let ECR use it'],
  [/^RepositoryNotFound/, 'check account and region in the URL, or create the repository'],
]

/** What AWS's client threw, as an error of ours; a bug stays what it is. */
function meaningOf(error: unknown, operation: string, what: string, service: Service): unknown {
  if (error instanceof RegistryError) return restated(error, `cannot ${what}: ${error.message}`)
  if (error instanceof ReplicateError || !(error instanceof Error)) return error
  const { name, message } = error
  const text = message.split('\n')[0]?.trim() ?? ''
  const status = statusOf(error)
  if (NO_CREDENTIAL.test(name)) {
    return new CredentialError(`no credential of AWS was found: ${text}`, {
      cause: error,
      hint: 'set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run `aws sso login`, or give a `credential` of `type: access_key`',
    })
  }
  if (text === 'Region is missing') {
    return new ConfigurationError('the host of the registry does not say in which region of AWS it is', {
      hint: 'set `options: { region: … }`, or AWS_REGION',
    })
  }
  if (WRONG.test(name) || status === 401) {
    return new CredentialError(`AWS refused the credential: ${name} (${text})`, {
      cause: error,
      hint: /Expired/.test(name)
        ? 'sign in again: `aws sso login`, or a new token of the session'
        : 'check the access key and its secret; a temporary one needs the token of its session, too, and the clock must be right',
    })
  }
  if (status === undefined) return error
  const known = STATUSES.find(([names]) => names.test(name))?.[1] ?? status
  const why = error instanceof SyntaxError ? `its answer is not JSON (${status})` : `${name} (${text})`
  return new RegistryError(`cannot ${what}: ${why}`, {
    status: known,
    method: 'POST',
    path: `/#${operation}`,
    codes: [name],
    cause: error,
    hint: known === 403 ? permissionHint(text, `${service}:${operation}`) : hintFor(name),
  })
}

/** What AWS's words, or else `actions`, say is missing. */
export function permissionHint(text: string, actions: string): string {
  const action = /not authorized to perform: ([\w-]+:\w+)/.exec(text)?.[1] ?? actions
  return `allow ${action} to this user or role, in its own policy or, of another account, in the repository's`
}

/** True where the same request may be answered after a pause. */
function isThrottled(error: unknown): boolean {
  return error instanceof Error && THROTTLED.test(error.name)
}

/** True where AWS's client has meanwhile learned how wrong the clock is, or the signature became too old while it waited. */
function isMistimed(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const metadata = '$metadata' in error ? error.$metadata : undefined
  const corrected = typeof metadata === 'object' && metadata !== null && 'clockSkewCorrected' in metadata
  return corrected || (WRONG.test(error.name) && /^Signature expired/.test(error.message))
}

function hintFor(name: string): string | undefined {
  return HINTS.find(([names]) => names.test(name))?.[1]
}

function statusOf(error: Error): number | undefined {
  const metadata = '$metadata' in error ? error.$metadata : undefined
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}
