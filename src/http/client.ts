/** A registry's HTTP client: every request signed, limited, retried, redirected and, where it fails, explained. */

import { abortReason, type Clock, systemClock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { CancelledError, NetworkError, type RegistryError } from '../core/errors.ts'
import { foreignName } from '../core/foreign.ts'
import type { Expiry, HttpClient, HttpRequest, HttpResponse } from '../core/http.ts'
import type { Limits, PartCredential, SentCredential } from '../core/registry.ts'
import { backoff } from '../core/retry.ts'
import { createAllowance } from './allowance.ts'
import type { Signature } from './auth/auth.ts'
import { createPartAuthenticator } from './auth/parts.ts'
import { requestToken } from './auth/server.ts'
import { createLimiter, type Lane, type SharedLimits } from './limiter.ts'
import { proxyAddress } from './proxy/address.ts'
import { type AgentOptions, SLOW_ANSWER } from './proxy/agent.ts'
import { type Recording, recorded } from './record/record.ts'
import { addTo, createRedactor, type TellSecret } from './redact.ts'
import { type Hop, isRedirect, MAX_HOPS, nextHop } from './redirect.ts'
import { refusal } from './refusal.ts'
import { heldResponse } from './response.ts'
import { ATTEMPTS, retryAfter, retrying } from './retry.ts'
import { ownTarget } from './target.ts'
import { counting, type Trace, traced } from './trace.ts'
import { createTransport } from './transport.ts'

export interface HttpClientOptions extends Omit<Partial<AgentOptions>, 'guard'> {
  /** With scheme and optional path prefix. */
  readonly url: string
  /** The host (and port) that a bare reference to this registry names. */
  readonly host: string
  /** The registry's name in the configuration, for hints; default: the host. */
  readonly name?: string | undefined
  /** Called once, when the first request is sent. */
  readonly credential: (anew?: boolean) => Promise<SentCredential>
  /** Those for some repositories only. */
  readonly parts?: (() => Promise<readonly PartCredential[]>) | undefined
  readonly limits?: Limits | undefined
  /** Those of the limits that hold over several processes. */
  readonly shared?: SharedLimits | undefined
  /** What the registry may name although only this machine reaches it. */
  readonly allowAddresses?: readonly string[] | undefined
  /** Refusals other than 401 that mean that what was sent has expired. */
  readonly expired?: readonly Expiry[] | undefined
  /** true: user name and password are sent with the first request, without being asked for. */
  readonly preemptive?: boolean | undefined
  /** false: large bodies go through undici, too. */
  readonly pump?: boolean | undefined
  /** Emit an event for each request. */
  readonly trace?: Trace | undefined
  /** Told of each exchange, without its secrets. */
  readonly record?: Recording | undefined
  /** Milliseconds for a whole answer other than a blob; default 5 minutes. */
  readonly answerLimit?: number | undefined
  readonly userAgent: string
  /** Told of every secret before it is used. */
  readonly secrets: TellSecret
  /** Removes every known secret, those that `secrets` was told of included; default: the secrets of this client. */
  readonly redact?: ((text: string) => string) | undefined
  readonly clock?: Clock | undefined
  readonly random?: (() => number) | undefined
}

/** Milliseconds without a byte. */
const IDLE = 60_000
/** The same for the blobs of a source: a proxy that scans them first holds back their first byte. */
const IDLE_BLOB = 5 * 60_000
/** So long that only a server that sends a byte now and then reaches it: it must not hold up a run for ever. */
const ANSWER_LIMIT = 5 * 60_000

/** The largest refusal that is looked into, in bytes. */
const REFUSAL_SIZE = 65_536

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { clock = systemClock, random = Math.random } = options
  const target = ownTarget(options.url)
  const redactor = createRedactor()
  const redact = options.redact ?? ((text: string) => redactor.text(text))
  const secrets: TellSecret = (secret, passing) => {
    if (!options.redact) addTo(redactor, secret, passing)
    options.secrets(secret, passing)
  }
  const proxyCredential = options.proxy === undefined ? undefined : proxyAddress(options.proxy).credential
  if (proxyCredential) secrets(proxyCredential.password)
  const idle = options.idle ?? IDLE
  const patience = options.idle ?? options.limits?.idle ?? IDLE_BLOB
  const guard = { registry: target.url, allowed: options.allowAddresses }
  const plain = createTransport({ ...options, guard, idle, connections: options.limits?.connections }, redact)
  const { trace, record } = options
  const kept = record ? recorded(plain, record, redact) : plain
  const transport = trace ? traced(kept, { trace, redact, clock }) : kept
  const closing = new AbortController()
  const name = options.name ?? options.host
  const server = { transport, userAgent: options.userAgent, name, host: options.host, redact, secrets, clock, random }
  const auth = createPartAuthenticator({
    url: target.url,
    name,
    credential: options.credential,
    parts: options.parts,
    preemptive: options.preemptive,
    // Several requests may wait for one token, so it is not tied to the signal of the first of them.
    fetchToken: (wanted, ctx) => requestToken(wanted, server, { signal: closing.signal, emit: ctx.emit }),
    secrets,
    clock,
  })
  const limiter = createLimiter({
    connections: options.limits?.connections,
    requestsPerSecond: options.limits?.requests_per_second,
    shared: options.shared,
    clock,
  })

  const allowance = createAllowance({
    host: options.host,
    reserve: options.limits?.rate_limit_reserve,
    exhausted: options.limits?.rate_limit,
    clock,
  })

  async function request(request: HttpRequest, given: Context): Promise<HttpResponse> {
    const { url, own } = target.resolve(request.url)
    const what = `${request.method} ${redact(url.pathname + url.search)}`
    const attempts = request.retry === false ? 1 : ATTEMPTS
    let failures = 0
    let attempt = 0
    const ctx = trace ? counting(given, () => attempt) : given
    return retrying(
      async () => {
        attempt += 1
        const response = request.metered
          ? await metered(request, url, own, what, ctx)
          : await signed(request, url, own, what, ctx)
        if (isExpected(response.status, request.expect)) {
          refuseEncoding(response, request)
          return request.whole === undefined ? response : await heldResponse(response, request.whole, redact)
        }
        failures += 1
        throw await explained(response, request, own, failures, ctx)
      },
      { clock, random, attempts, what },
      ctx,
    ).catch((error: unknown) => {
      throw ctx.signal.aborted && !(error instanceof CancelledError) ? abortReason(ctx.signal) : error
    })
  }

  /** Takes a pull from the registry's allowance first. */
  async function metered(
    request: HttpRequest,
    url: URL,
    own: boolean,
    what: string,
    ctx: Context,
  ): Promise<HttpResponse> {
    const look = async (): Promise<void> => {
      const response = await signed({ ...request, method: 'HEAD' }, url, own, what, ctx)
      await response.discard()
    }
    await allowance.take(look, ctx)
    let headers: HttpResponse['headers'] = {}
    try {
      const response = await signed(request, url, own, what, ctx)
      headers = response.headers
      return response
    } finally {
      allowance.note(headers, true)
    }
  }

  /** One attempt, with one renewal of its credential. A token may expire while the request waits for its turn: where a token that was not
   *  fresh is refused a second time, the request is sent once more with a token that is fetched in its turn. */
  async function signed(
    request: HttpRequest,
    url: URL,
    own: boolean,
    what: string,
    ctx: Context,
  ): Promise<HttpResponse> {
    const scopes = request.scopes ?? []
    let renewed = false
    let anew = false
    for (;;) {
      let signature: Signature | undefined
      const sign = async (): Promise<string | undefined> => {
        signature = own ? await auth.authorization(scopes, ctx, anew) : undefined
        return signature?.value
      }
      const response = await send(request, url, sign, ctx)
      const sent = signature?.value
      allowance.note(response.headers, false)
      if (!own || !target.isOwn(new URL(response.url)) || request.expect?.includes(response.status)) return response
      if (response.status !== 401) {
        if (renewed || sent === undefined || !options.expired?.some(({ status }) => status === response.status)) {
          return response
        }
        const held = await heldResponse(response, REFUSAL_SIZE, redact)
        // The answer to a HEAD has no body to read.
        if (request.method !== 'HEAD' && !(await saysExpired(held, options.expired))) return held
        renewed = true
        await auth.expired({ scopes, sent, challenge: undefined, what }, ctx)
        continue
      }
      const refused = { scopes, sent, challenge: response.headers['www-authenticate'], what }
      await response.discard()
      if (renewed && (anew || signature?.fresh !== false)) throw await auth.rejected(refused)
      anew = renewed
      renewed = true
      await auth.renew(refused, ctx)
    }
  }

  /** One slot, one request, and where it leads. The slot is free again when the answer's body is over. */
  async function send(
    request: HttpRequest,
    url: URL,
    sign: () => Promise<string | undefined>,
    ctx: Context,
  ): Promise<HttpResponse> {
    const release = await limiter.acquire(laneOf(request), ctx.signal, request.bypassQueue)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const follow = request.redirect !== false && isRead
    try {
      await ctx.gate?.pass(ctx.signal)
      const isLarge = request.kind === 'blob'
      const isBlob = isRead && (isLarge || request.isBlob === true)
      const silence = isBlob ? patience : isLarge ? SLOW_ANSWER : undefined
      const limit = isRead && !isBlob ? (options.answerLimit ?? ANSWER_LIMIT) : undefined
      const carrier = isLarge ? ctx.carrier : undefined
      const sending = { body: request.body, silence, limit, carrier, signal: ctx.signal, emit: ctx.emit }
      let hop: Hop = { method: request.method, url, headers: headersOf(request, await sign()) }
      const began = clock.monotonic()
      for (let hops = 0; ; hops += 1) {
        let redirected = false
        const done = () => {
          if (!redirected) release()
        }
        const response = await transport.send({ ...hop, ...sending, done })
        if (hops === 0) noteLoad(response, began, ctx)
        const location = response.headers.location
        if (!follow || !isRedirect(response.status) || location === undefined) return response
        redirected = true
        await response.discard()
        if (hops >= MAX_HOPS) throw new NetworkError(`more than ${MAX_HOPS} redirects`, { retryable: false })
        hop = nextHop(hop, response.status, location)
      }
    } catch (error) {
      release()
      throw error
    }
  }

  /** A host that is overloaded gets fewer requests at once; one that asks for a pause gets none until it is over. */
  function noteLoad(response: HttpResponse, began: number, ctx: Context): void {
    if (response.status !== 429 && response.status !== 503) {
      limiter.answered()
      return
    }
    limiter.slow(began)
    const asked = retryAfter(response.headers, clock.now())
    if (response.status === 503 && asked === undefined) return
    const wait = asked ?? backoff(1, random)
    if (limiter.pause(wait) && wait > 0) {
      const reason =
        response.status === 429
          ? `${options.host} asks for fewer requests (429)`
          : `${options.host} is not available for a while (503)`
      ctx.emit({ type: 'waiting', reason, until: new Date(clock.now() + wait).toISOString() })
    }
  }

  async function explained(
    response: HttpResponse,
    request: HttpRequest,
    own: boolean,
    failures: number,
    ctx: Context,
  ): Promise<RegistryError> {
    const url = new URL(response.url)
    const here = own && target.isOwn(url)
    const hint = here && response.status === 403 ? await auth.forbiddenHint(request.scopes ?? []) : undefined
    const path = url.pathname + url.search
    const elsewhere = own && !here ? url.host : undefined
    const error = await refusal(response, { method: request.method, path, redact, now: clock.now(), hint, elsewhere })
    if (error.status === 429 && error.retryAfter === undefined && failures > 1 && here) {
      limiter.pause(backoff(failures, random))
    }
    if (ctx.signal.aborted) throw abortReason(ctx.signal)
    return error
  }

  function headersOf(request: HttpRequest, authorization: string | undefined): Readonly<Record<string, string>> {
    const headers: Record<string, string> = { 'user-agent': options.userAgent }
    for (const given of [request.headers, request.sign?.()]) {
      for (const name in given) headers[name.toLowerCase()] = given[name] ?? ''
    }
    headers['accept-encoding'] = 'identity'
    if (authorization !== undefined) headers.authorization = authorization
    return headers
  }

  return {
    url: target.url,
    host: options.host,
    request,
    countsPulls: () => allowance.left() !== undefined,
    pullsLeft: () => allowance.left(),
    async close() {
      closing.abort(new NetworkError('the client was closed', { retryable: false }))
      await transport.close()
    },
  }
}

/** Whether a held answer is one of those that mean that what was sent has expired. */
async function saysExpired(held: HttpResponse, expired: readonly Expiry[]): Promise<boolean> {
  const text = Buffer.from(await held.bytes(REFUSAL_SIZE)).toString('utf8')
  return expired.some((it) => it.status === held.status && it.text.test(text))
}

/** Digests are of the bytes as they are, so answers are asked for without an encoding. A blob's own check decides: storages say `gzip` of
 *  layers that are gzip. */
function refuseEncoding({ url, headers, discard }: HttpResponse, { method, kind, isBlob }: HttpRequest): void {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (method !== 'GET' || kind === 'blob' || isBlob || encoding === '' || encoding === 'identity') return
  void discard()
  throw new NetworkError(
    `${new URL(url).host} answers in the encoding ${foreignName(encoding)}, which it was asked not to`,
    {
      retryable: false,
      hint: 'a proxy in between may do that: switch its compression off for this registry',
    },
  )
}

function laneOf(request: HttpRequest): Lane {
  if (request.kind !== 'blob') return 'small'
  return request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write'
}

function isExpected(status: number, expect: readonly number[] | undefined): boolean {
  return expect ? expect.includes(status) : status >= 200 && status < 300
}
