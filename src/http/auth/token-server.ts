/** Asks a token server for a bearer token: GET with Basic, or the OAuth2 exchange of an identity token. */

import type { Clock } from '../../core/cancel.ts'
import { claimsOf } from '../../core/claims.ts'
import type { Context } from '../../core/context.ts'
import { CredentialError, RegistryError } from '../../core/errors.ts'
import type { HttpResponse } from '../../core/http.ts'
import { isRedirect, MAX_HOPS, nextHop } from '../redirect.ts'
import { refusal } from '../refusal.ts'
import { ATTEMPTS, retrying } from '../retry.ts'
import type { Transport } from '../transport.ts'
import { credentialHint, encodeBasic } from './auth.ts'
import type { Token, TokenRequest } from './token.ts'

export interface TokenServerOptions {
  readonly transport: Transport
  readonly userAgent: string
  /** The registry's name in the configuration and its host, for hints. */
  readonly name: string
  readonly host: string
  readonly redact: (text: string) => string
  readonly secrets: (secret: string) => void
  readonly clock: Clock
  readonly random: () => number
}

const CLIENT_ID = 'replicate'
const BODY_LIMIT = 65_536
/** With these a server says that it does not know the exchange of identity tokens. */
const NO_POST: ReadonlySet<number> = new Set([400, 404, 405])

/** Throws a `CredentialError` where the credential is refused, else a `RegistryError` or `NetworkError`. */
export async function requestToken(request: TokenRequest, options: TokenServerOptions, ctx: Context): Promise<Token> {
  const { redact, clock, random } = options
  const what = `token from ${request.realm.host}`
  return retrying(
    async () => {
      const response =
        (request.credential.kind === 'identity' ? await exchange(request, options, ctx) : undefined) ??
        (await get(request, options, ctx))
      if (response.status >= 200 && response.status < 300) {
        const token = readToken(await response.json(BODY_LIMIT), request, clock.now())
        options.secrets(token.token)
        return token
      }
      const method = 'GET'
      const path = request.realm.pathname + request.realm.search
      const error = await refusal(response, { method, path, redact, now: clock.now() })
      throw error.status === 401 || error.status === 403 ? refused(error, request, options) : error
    },
    { clock, random, attempts: ATTEMPTS, what },
    ctx,
  )
}

/** Undefined where the server knows no such exchange. */
async function exchange(
  request: TokenRequest,
  options: TokenServerOptions,
  ctx: Context,
): Promise<HttpResponse | undefined> {
  if (request.credential.kind !== 'identity') return undefined
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: CLIENT_ID })
  if (request.service !== undefined) form.set('service', request.service)
  if (request.scopes.length > 0) form.set('scope', request.scopes.join(' '))
  form.set('refresh_token', request.credential.token)
  const response = await options.transport.send({
    method: 'POST',
    url: request.realm,
    headers: { ...standardHeaders(options), 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
    signal: ctx.signal,
    done: ignore,
  })
  if (!NO_POST.has(response.status) && !isRedirect(response.status)) return response
  await response.discard()
  return undefined
}

async function get(request: TokenRequest, options: TokenServerOptions, ctx: Context): Promise<HttpResponse> {
  const { credential, service, scopes } = request
  const url = new URL(request.realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  let headers = standardHeaders(options)
  if (credential.kind === 'basic') {
    url.searchParams.set('account', credential.username)
    headers = { ...headers, authorization: `Basic ${encodeBasic(credential.username, credential.password)}` }
  } else if (credential.kind === 'identity') {
    headers = { ...headers, authorization: `Basic ${encodeBasic('<token>', credential.token)}` }
  }
  let hop = { method: 'GET', url, headers }
  for (let hops = 0; ; hops += 1) {
    const response = await options.transport.send({ ...hop, signal: ctx.signal, done: ignore })
    const location = response.headers.location
    if (!isRedirect(response.status) || location === undefined || hops >= MAX_HOPS) return response
    await response.discard()
    hop = { ...nextHop(hop, response.status, location), method: 'GET' }
  }
}

function readToken(json: unknown, request: TokenRequest, now: number): Token {
  const answer: Readonly<Record<string, unknown>> = typeof json === 'object' && json !== null ? { ...json } : {}
  // A server may send both, one of them empty.
  const token = [answer.token, answer.access_token].find(
    (value): value is string => typeof value === 'string' && value !== '',
  )
  if (token === undefined) {
    const path = request.realm.pathname
    const message = `the token server ${request.realm.host} answered without a token`
    throw new RegistryError(message, { status: 200, method: 'GET', path })
  }
  const expiresIn = Number(answer.expires_in ?? Number.NaN)
  return { token, expiresIn: Number.isFinite(expiresIn) ? expiresIn : lifeOf(token, now) }
}

/** How many seconds a JSON Web Token says that it lives; Azure and Quay say it nowhere else. */
function lifeOf(token: string, now: number): number | undefined {
  const claims = claimsOf(token)
  const end = typeof claims === 'object' && claims !== null && 'exp' in claims ? Number(claims.exp) : Number.NaN
  return Number.isFinite(end) ? end - now / 1000 : undefined
}

function refused(error: RegistryError, request: TokenRequest, options: TokenServerOptions): CredentialError {
  const { credential, realm } = request
  if (credential.kind === 'anonymous') {
    return new CredentialError(`${options.host} needs a credential: no anonymous token, ${error.message}`, {
      cause: error,
      hint: credentialHint(options.name, options.host),
      missing: true,
    })
  }
  const message = `the token server ${realm.host} refused the credential from ${credential.origin}: ${error.message}`
  return new CredentialError(message, {
    cause: error,
    hint:
      credential.kind === 'basic'
        ? 'check user name and password; after a wrong one some servers refuse the right one for a while'
        : 'the token may have expired: sign in again',
  })
}

function standardHeaders(options: TokenServerOptions): Readonly<Record<string, string>> {
  return { 'user-agent': options.userAgent, accept: 'application/json', 'accept-encoding': 'identity' }
}

function ignore(): void {}
