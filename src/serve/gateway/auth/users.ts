/** Who a client is, and through which policies it may pull. */

import type { IncomingMessage } from 'node:http'
import type { PullUser, ServeSettings } from '../../../config/serve.ts'
import type { Clock } from '../../../core/cancel.ts'
import { isLoopback } from '../../../core/registry.ts'
import { addressOf } from '../../http/address.ts'
import { createGuesses } from '../../http/guesses.ts'
import { isSameSecret } from '../../http/same.ts'
import { Refusal } from '../refusal.ts'
import { createTokens, MOST_SCOPES } from './tokens.ts'

export interface Client {
  /** Undefined where no one signs in. */
  readonly user?: string
  /** Undefined: through all. */
  readonly policies: ReadonlySet<string> | undefined
}

export interface Users {
  /** The client of a request about the repository `name`, or about none. Throws a `Refusal` that tells it how to sign in. */
  clientOf(request: IncomingMessage, name: string | undefined): Client
  /** Answers the token service: a token for a client that signs in with a password, which `form` may have. Throws a `Refusal`. */
  token(request: IncomingMessage, url: string, form?: URLSearchParams): string
}

const SERVICE = 'replicate'
/** How long a token is good for, in seconds. */
const LIFE_S = 300
/** A longer header is not a credential. */
const LONGEST = 8192
const SIGN_IN = 'sign in as a user of `serve.pull_users`'
const ANYONE: Client = { policies: undefined }

export function createUsers(settings: () => ServeSettings, clock: Clock): Users {
  const tokens = createTokens(clock)
  const guesses = createGuesses(clock)

  /** Throws a `Refusal` for an address that has guessed too often. */
  function signIn(request: IncomingMessage, given: Password): PullUser | undefined {
    const { pull_users: users, behind_proxy } = settings()
    const address = addressOf(request, behind_proxy)
    const wait = guesses.wait(address)
    if (wait > 0) {
      const detail = 'too many wrong passwords came from this address'
      throw new Refusal(429, 'TOOMANYREQUESTS', detail, { 'retry-after': String(wait) })
    }
    const user = users?.find(({ name }) => name === given.name)
    // A name that does not exist takes as long.
    const password = user?.password.reveal() ?? ''
    const isRight = isSameSecret(given.password, password) && password !== ''
    if (user && isRight) return user
    guesses.wrong(address)
    return undefined
  }

  function userOf(request: IncomingMessage): PullUser | undefined {
    const given = passwordIn(request)
    return given && signIn(request, given)
  }

  function holderOf(request: IncomingMessage, scope: string | undefined): PullUser | undefined {
    const [, token] = /^bearer +(\S+)$/i.exec(authorizationOf(request)) ?? []
    const claims = token === undefined ? undefined : tokens.read(token)
    if (!claims || (scope !== undefined && !claims.allows(scope))) return undefined
    return settings().pull_users?.find(({ name }) => name === claims.user)
  }

  return {
    clientOf(request, name) {
      const { pull_users: users, host, behind_proxy } = settings()
      if (!users) {
        if (!behind_proxy && isLoopback(host.includes(':') ? `[${host}]` : host)) return ANYONE
        throw new Refusal(
          403,
          'DENIED',
          'only this machine may pull without a user: name some under `serve.pull_users`',
        )
      }
      const scope = name === undefined ? undefined : `repository:${name}:pull`
      const user = userOf(request) ?? holderOf(request, scope)
      if (user) return { user: user.name, policies: user.policies && new Set(user.policies) }
      throw new Refusal(401, 'UNAUTHORIZED', SIGN_IN, {
        'www-authenticate': challenge(request, settings(), scope),
      })
    },
    token(request, url, form) {
      const given = form === undefined ? passwordIn(request) : passwordOf(form)
      const user = given && signIn(request, given)
      if (!user) {
        const headers = { 'www-authenticate': `Basic realm="${SERVICE}"` }
        throw new Refusal(401, 'UNAUTHORIZED', given ? 'no such user, or another password' : SIGN_IN, headers)
      }
      const query = form ?? new URL(url, 'path://only').searchParams
      const asked = query.getAll('scope').flatMap((scopes) => scopes.split(' '))
      const scopes = [...new Set(asked.flatMap(pullOf))]
      if (scopes.length > MOST_SCOPES) {
        const detail = `a token is good for at most ${MOST_SCOPES} repositories, and ${scopes.length} were asked for`
        throw new Refusal(400, 'UNSUPPORTED', detail)
      }
      const token = tokens.issue(user.name, scopes, LIFE_S)
      const issued_at = new Date(clock.now()).toISOString()
      return JSON.stringify({ token, access_token: token, expires_in: LIFE_S, issued_at })
    },
  }
}

interface Password {
  readonly name: string
  readonly password: string
}

function passwordIn(request: IncomingMessage): Password | undefined {
  const [, encoded] = /^basic +(\S+)$/i.exec(authorizationOf(request)) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return { name: text.slice(0, Math.max(0, colon)), password: text.slice(colon + 1) }
}

/** As clients of OAuth 2.0 send it. Throws a `Refusal` for other grants. */
function passwordOf(form: URLSearchParams): Password {
  if (form.get('grant_type') !== 'password') {
    throw new Refusal(400, 'UNSUPPORTED', 'tokens are given for `grant_type=password` alone')
  }
  return { name: form.get('username') ?? '', password: form.get('password') ?? '' }
}

/** Only pulls are granted, of whatever is asked for: which policies the user has is looked at with each request. */
function pullOf(scope: string): readonly string[] {
  const [, name, actions] = /^repository:([^:]{1,255}):(.*)$/.exec(scope) ?? []
  return name !== undefined && actions?.split(',').includes('pull') ? [`repository:${name}:pull`] : []
}

function challenge(request: IncomingMessage, settings: ServeSettings, scope: string | undefined): string {
  const realm = `${originOf(request, settings)}/v2/token`
  return `Bearer realm="${realm}",service="${SERVICE}"${scope === undefined ? '' : `,scope="${scope}"`}`
}

/** The gateway as the client names it. */
function originOf({ headers }: IncomingMessage, { host, port, tls, behind_proxy }: ServeSettings): string {
  const named = headers.host ?? ''
  const authority = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:]+\](:\d{1,5})?$/i.test(named) ? named : `${host}:${port}`
  const forwarded = behind_proxy ? (headers['x-forwarded-proto'] ?? 'https') : undefined
  const scheme = tls || forwarded === 'https' ? 'https' : 'http'
  return `${scheme}://${authority}`
}

function authorizationOf({ headers: { authorization = '' } }: IncomingMessage): string {
  return authorization.length > LONGEST ? '' : authorization
}
