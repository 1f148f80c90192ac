/** Asks a token server for a bearer token: GET with Basic, or the OAuth2 exchange of an identity token. */

import type { Clock } from '../../core/cancel.ts'
import { claimsOf } from '../../core/claims.ts'
import type { Context } from '../../core/context.ts'
import { ABSENT, CredentialError, RegistryError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { HttpResponse } from '../../core/http.ts'
import type { TellSecret } from '../redact.ts'
import { isRedirect } from '../redirect.ts'
import { refusal } from '../refusal.ts'
import { ATTEMPTS, retrying } from '../retry.ts'
import type { Transport } from '../transport.ts'
import { credentialHint, encodeBasic } from './auth.ts'
import type { Token, TokenRequest } from './token.ts'
import { whoSigns } from './who.ts'

export interface TokenServerOptions {
  readonly transport: Transport
  readonly userAgent: string
  /** The registry's name in the configuration and its host, for hints. */
  readonly name: string
  readonly host: string
  readonly redact: (text: string) => string
  readonly secrets: TellSecret
  readonly clock: Clock
  readonly random: () => number
}

const CLIENT_ID = 'replicate'
const BODY_LIMIT = 65_536
/** With these a server says that it does not know the exchange of identity tokens. */
const NO_POST: readonly number[] = [400, ...ABSENT]
const LIMIT = 5 * 60_000

/** Throws a `CredentialError` where the server gives no token, or a `RegistryError` or `NetworkError` that may pass. None of them can be
 *  taken for an answer of the registry itself. */
export async function requestToken(request: TokenRequest, options: TokenServerOptions, ctx: Context): Promise<Token> {
  const { redact, clock, random } = options
  const what = `token from ${request.realm.host}`
  return retrying(
    async () => {
      const response =
        (request.credential.kind === 'identity' ? await exchange(request, options, ctx) : undefined) ??
        (await get(request, options, ctx))
      if (response.status >= 200 && response.status < 300) {
        const token = readToken(await jsonOf(response, request), request, clock.now())
        options.secrets(token.token, true)
        return token
      }
      const method = 'GET'
      const path = request.realm.pathname + request.realm.search
      const location = response.headers.location
      const error = await refusal(response, { method, path, redact, now: clock.now() })
      if (error.status === 401 || error.status === 403) throw refused(error, request, options)
      throw unhelpful(error, isRedirect(response.status) ? location : undefined, request, redact)
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
    limit: LIMIT,
    signal: ctx.signal,
    emit: ctx.emit,
    done: ignore,
  })
  if (!NO_POST.includes(response.status) && !isRedirect(response.status)) return response
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
  // A redirect is not followed: the realm is as far as the registry's word goes.
  return options.transport.send({
    method: 'GET',
    url,
    headers,
    limit: LIMIT,
    signal: ctx.signal,
    emit: ctx.emit,
    done: ignore,
  })
}

async function jsonOf(response: HttpResponse, { realm }: TokenRequest): Promise<unknown> {
  try {
    return await response.json(BODY_LIMIT)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new CredentialError(`no token from the token server ${realm.host}: ${error.message}`, { cause: error })
  }
}

/** The error for an answer that is neither a token nor a refusal of the credential. */
function unhelpful(
  error: RegistryError,
  location: string | undefined,
  { realm }: TokenRequest,
  redact: (text: string) => string,
): RegistryError | CredentialError {
  const message = `no token from the token server ${realm.host}: ${error.message}`
  if (error.retryable) {
    const { status, method, path, retryAfter } = error
    return new RegistryError(message, { status, method, path, retryAfter, cause: error })
  }
  const to = location === undefined ? '' : `, a redirect to ${foreignName(redact(location))}, which is not followed`
  return new CredentialError(message + to, {
    cause: error,
    hint: `the registry names ${foreignName(redact(realm.href))} as its token server: correct that in its configuration`,
  })
}

function readToken(json: unknown, request: TokenRequest, now: number): Token {
  const answer: Readonly<Record<string, unknown>> = typeof json === 'object' && json !== null ? { ...json } : {}
  // A server may send both, one of them empty.
  const token = [answer.token, answer.access_token].find(
    (value): value is string => typeof value === 'string' && value !== '',
  )
  if (token === undefined) {
    throw new CredentialError(`the token server ${request.realm.host} answered without a token`)
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
  const message = `the token server ${realm.host} refused ${whoSigns(credential)}: ${error.message}`
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
