/** Answers a registry's challenges: Basic, or bearer tokens that are fetched once, kept, and renewed in time. */

import { abortReason, type Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { CredentialError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { SentCredential } from '../../core/registry.ts'
import type { TellSecret } from '../redact.ts'
import { type Challenge, chooseChallenge } from './challenge.ts'
import { createTokenCache, type FetchedToken, type FetchToken, type Wanted } from './token.ts'
import { deedOf, whoSigns } from './who.ts'

export interface AuthenticatorOptions {
  /** The registry's URL. */
  readonly url: string
  /** The registry's name in the configuration, or its host. */
  readonly name: string
  /** Called when the first request is sent, and again when the credential has expired; `anew` where it was refused: it may have been replaced
   *  meanwhile. */
  readonly credential: (anew?: boolean) => Promise<SentCredential>
  readonly fetchToken: FetchToken
  /** true: user name and password are sent with the first request, without being asked for. */
  readonly preemptive?: boolean | undefined
  /** Told of every secret before it is used. */
  readonly secrets: TellSecret
  readonly clock: Clock
}

export interface Refused {
  readonly scopes: readonly string[]
  /** The `Authorization` that was sent. */
  readonly sent: string | undefined
  /** The `WWW-Authenticate` that came back. */
  readonly challenge: string | undefined
  /** What was refused, for messages: `GET /v2/`. */
  readonly what: string
}

export interface Signature {
  /** The `Authorization` to send. */
  readonly value: string
  /** False for a token that was kept for a while and may have run out early. */
  readonly fresh: boolean
}

export interface Authenticator {
  /** What signs a request; undefined before the registry has asked for it, and for anonymous access by Basic. Call it when the request
   *  is about to be sent, as tokens do not live long. `anew`: with a token fetched now. */
  authorization(scopes: readonly string[], ctx: Context, anew?: boolean): Promise<Signature | undefined>
  /** After a 401: prepares another answer, or throws a `CredentialError` where no other answer could help. */
  renew(refused: Refused, ctx: Context): Promise<void>
  /** After a refusal other than a 401 that means that what was sent has expired: prepares another answer. */
  expired(refused: Refused, ctx: Context): Promise<void>
  /** The error for a 401 that came although a fresh answer was sent. */
  rejected(refused: Refused): Promise<CredentialError>
  /** What to do about a 403. */
  forbiddenHint(scopes: readonly string[]): Promise<string>
}

/** Milliseconds before its end at which a credential is renewed. */
export const EXPIRY_MARGIN = 60_000
/** Milliseconds for which a token is as good as just fetched. */
const FRESH = 250

export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { url, name } = options
  const host = new URL(url).host
  const tokens = createTokenCache(options.fetchToken, options.clock)
  /** Scopes that the registry demands beyond what the caller asked for: scopes asked for → scopes needed. */
  const widened = new Map<string, readonly string[]>()
  let known: Challenge | undefined
  let resolving: Promise<SentCredential> | undefined
  let isRefused = false
  /** When the credential must be renewed, in milliseconds since 1970. */
  let until = Number.POSITIVE_INFINITY

  function credential(): Promise<SentCredential> {
    if (options.clock.now() >= until) forget()
    resolving ??= options.credential(isRefused).then((found) => {
      isRefused = false
      const isPassing = found.expires !== undefined
      if (found.kind === 'basic') {
        options.secrets(found.password, isPassing)
        options.secrets(encodeBasic(found.username, found.password), isPassing)
      } else if (found.kind !== 'anonymous') {
        options.secrets(found.token, isPassing)
        if (found.kind === 'identity') options.secrets(encodeBasic('<token>', found.token), isPassing)
      }
      if (found.expires !== undefined) until = found.expires - EXPIRY_MARGIN
      return found
    })
    const asked = resolving
    asked.catch(() => {
      if (resolving === asked) resolving = undefined
    })
    return asked
  }

  /** Another one than the refused, where there is one by now. */
  async function replaced(refused: SentCredential): Promise<SentCredential | undefined> {
    if ((await credential()) === refused) {
      isRefused = true
      forget()
    }
    const now = await credential()
    return secretOf(now) === secretOf(refused) ? undefined : now
  }

  /** The next request signs in again. */
  function forget(): void {
    resolving = undefined
    until = Number.POSITIVE_INFINITY
  }

  async function bearer(
    challenge: Challenge,
    scopes: readonly string[],
    wanted: Wanted,
    ctx: Context,
  ): Promise<Signature> {
    const { realm = '', service } = challenge.parameters
    const request = { realm: checkedRealm(realm, url), service, scopes }
    const found = await credential()
    const tokenFor = (signer: SentCredential) =>
      shared(tokens.get({ ...request, credential: signer }, wanted, ctx), ctx.signal)
    const signature = ({ token, fetchedAt }: FetchedToken): Signature => ({
      value: `Bearer ${token}`,
      fresh: options.clock.monotonic() - fetchedAt <= FRESH,
    })
    try {
      return signature(await tokenFor(found))
    } catch (error) {
      // It may have expired early (clock skew), or its owner has changed it: it is looked for once more.
      const fresh = error instanceof CredentialError ? await replaced(found) : undefined
      if (!fresh) throw error
      return signature(await tokenFor(fresh))
    }
  }

  async function authorization(scopes: readonly string[], ctx: Context, anew = false): Promise<Signature | undefined> {
    const found = await shared(credential(), ctx.signal)
    if (found.kind === 'bearer') return { value: `Bearer ${found.token}`, fresh: true }
    if (known?.scheme === 'bearer') {
      const wanted = anew ? { since: options.clock.monotonic() } : {}
      return bearer(known, widened.get(scopes.join(' ')) ?? scopes, wanted, ctx)
    }
    const value = known || options.preemptive ? basic(found) : undefined
    return value === undefined ? undefined : { value, fresh: true }
  }

  async function renew(refused: Refused, ctx: Context): Promise<void> {
    const found = await shared(credential(), ctx.signal)
    if (found.kind === 'bearer') {
      // A credential that expires can be renewed; another request may have done that already.
      if (refused.sent !== `Bearer ${found.token}`) return
      if (found.expires !== undefined) forget()
      else if (!(await replaced(found))) throw await rejected(refused)
      return
    }
    const asked = chooseChallenge(refused.challenge)
    const carriedToken = refused.sent?.startsWith('Bearer ') === true
    // The answer to a refused token may have a Basic challenge, an empty one, or none at all. The first challenge still holds.
    const challenge = carriedToken && asked?.scheme !== 'bearer' ? known : (asked ?? known ?? presumed(found))
    if (!challenge) throw needsCredential(refused)
    if (challenge.scheme === 'basic') {
      if (found.kind === 'anonymous' && !(await replaced(found))) throw needsCredential(refused)
      if (refused.sent?.startsWith('Basic ')) {
        const isOld = refused.sent !== basic(found)
        if (!isOld && !(await replaced(found))) throw await rejected(refused)
      }
      known = challenge
      return
    }
    // Where no repository was asked for, one that is demanded is an example: https://ghcr.io/v2/ names user/image.
    const scopes = widen(
      refused.scopes,
      refused.scopes.length === 0 ? withoutRepositories(challenge.parameters.scope) : challenge.parameters.scope,
    )
    if (scopes !== refused.scopes && refused.scopes.length > 0) widened.set(refused.scopes.join(' '), scopes)
    await bearer(challenge, scopes, { not: refused.sent?.slice('Bearer '.length) }, ctx)
    // Only now: a token server that one repository names and that gives no token must not be asked for the others.
    known = challenge
  }

  async function rejected(refused: Refused): Promise<CredentialError> {
    const found = await credential()
    if (found.kind === 'anonymous') return needsCredential(refused)
    if (found.kind === 'basic' && refused.sent?.startsWith('Bearer ')) {
      const deed = deedOf(refused.scopes, name) ?? `ask for ${refused.what} at ${name}`
      return new CredentialError(`${whoSigns(found)} may not ${deed} (401)`, {
        hint: `give ${JSON.stringify(found.username)} that permission, or use another account`,
      })
    }
    return new CredentialError(`${host} refused ${whoSigns(found)}: 401`, {
      hint:
        found.kind === 'basic'
          ? `check user name and password; after a wrong one some registries refuse the right one for a while`
          : 'the token may have expired or lack permission: get a new one',
    })
  }

  function needsCredential(refused: Refused): CredentialError {
    return new CredentialError(`${host} needs a credential for ${refused.scopes.join(' ') || refused.what} (401)`, {
      hint: credentialHint(name, host),
      missing: true,
    })
  }

  return {
    authorization,
    renew,
    async expired(refused, ctx) {
      const found = await shared(credential(), ctx.signal)
      if (known?.scheme === 'bearer' && found.kind !== 'bearer') await renew({ ...refused, challenge: undefined }, ctx)
      // Another request may have had it renewed already.
      else if ((await authorization(refused.scopes, ctx))?.value === refused.sent) forget()
    },
    rejected,
    async forbiddenHint(scopes) {
      const found = await credential()
      if (found.kind === 'anonymous') return `nothing was sent to sign in; ${credentialHint(name, host)}`
      return `${whoSigns(found)} may not ${deedOf(scopes, name) ?? `do this at ${name}`}`
    },
  }
}

/** Ways to give a credential, for hints. */
export function credentialHint(name: string, host: string): string {
  const variable = `REPLICATE_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`
  return `set ${variable}_USERNAME and ${variable}_PASSWORD, or \`credential:\` in the file, or run \`replicate credentials set ${name}\` or \`docker login ${host}\``
}

export function encodeBasic(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString('base64')
}

function basic(credential: SentCredential): string | undefined {
  if (credential.kind === 'basic') return `Basic ${encodeBasic(credential.username, credential.password)}`
  return credential.kind === 'identity' ? `Basic ${encodeBasic('<token>', credential.token)}` : undefined
}

function secretOf(credential: SentCredential): string | undefined {
  if (credential.kind === 'anonymous') return undefined
  return credential.kind === 'basic' ? credential.password : credential.token
}

/** Old servers refuse without saying how to sign in. */
function presumed(credential: SentCredential): Challenge | undefined {
  return credential.kind === 'basic' ? { scheme: 'basic', parameters: {} } : undefined
}

/** The password goes to the realm, so a realm without TLS is refused where the registry has TLS. */
function checkedRealm(realm: string, registry: string): URL {
  const url = URL.parse(realm, registry)
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new CredentialError(`the registry names no usable token server: ${JSON.stringify(foreignName(realm))}`)
  }
  if (url.protocol === 'http:' && registry.startsWith('https:')) {
    throw new CredentialError(`the registry is https, but its token server is not: ${url.host}`, {
      hint: 'no credential is sent in the clear: correct the realm in the configuration of the registry',
    })
  }
  url.username = ''
  url.password = ''
  return url
}

/** The scopes asked for and those that the challenge demands in addition. The demanded ones come first, as some servers read only the first. */
function widen(scopes: readonly string[], demanded: string | undefined): readonly string[] {
  const missing = (demanded ?? '')
    .split(' ')
    .filter((scope) => scope !== '' && !scopes.some((had) => covers(had, scope)))
  return missing.length === 0 ? scopes : [...missing, ...scopes.filter((had) => !missing.some((it) => covers(it, had)))]
}

function withoutRepositories(scope: string | undefined): string | undefined {
  return scope
    ?.split(' ')
    .filter((one) => !one.startsWith('repository:'))
    .join(' ')
}

function covers(had: string, wanted: string): boolean {
  const a = had.lastIndexOf(':')
  const b = wanted.lastIndexOf(':')
  if (had.slice(0, a) !== wanted.slice(0, b)) return false
  const actions = new Set(had.slice(a + 1).split(','))
  return wanted
    .slice(b + 1)
    .split(',')
    .every((action) => actions.has(action))
}

/** Waits for work that several requests share. A cancelled request stops waiting; the work continues for the others. */
export function shared<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    work.catch(() => {})
    return Promise.reject(abortReason(signal))
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
