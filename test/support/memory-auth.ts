/** Credentials and tokens of the registry in memory: every request needs exactly the rights its route names. */

import { createHash } from 'node:crypto'
import type { BearerOptions, Call, MemoryRegistryOptions, Reply } from './memory-registry.ts'
import { json, Refusal, text } from './memory-reply.ts'
import { neededScopes } from './memory-routes.ts'

/** A token that was given out, without the token. */
export interface IssuedToken {
  /** As asked for, one `type:name:actions` each. */
  readonly asked: readonly string[]
  /** As granted; an action that is not allowed is left out without a word. */
  readonly scopes: readonly string[]
  /** The user, or undefined for an anonymous token. */
  readonly account: string | undefined
  readonly method: 'GET' | 'POST'
}

interface Tokens {
  readonly tokens: readonly IssuedToken[]
  readonly authorize: (call: Call) => void
  readonly issueToken: (call: Call) => Promise<Reply>
  readonly revokeTokens: () => void
}

export function createTokens(options: MemoryRegistryOptions, url: string): Tokens {
  const issued: IssuedToken[] = []
  const valid = new Map<string, { readonly scopes: readonly string[]; readonly expires: number }>()
  const now = options.now ?? Date.now
  const auth = options.auth ?? { kind: 'none' }

  function authorize(call: Call): void {
    if (auth.kind === 'none') return
    if (auth.kind === 'basic') {
      if (call.headers.authorization === basicHeader(auth.user, auth.password)) return
      throw unauthorized('Basic realm="memory"')
    }
    const needed = neededScopes(call)
    const token = /^bearer (.+)$/i.exec(call.headers.authorization ?? '')?.[1]
    if (token === undefined) throw unauthorized(challenge(needed))
    const found = valid.get(token)
    if (!found || found.expires <= now()) throw unauthorized(challenge(needed, 'invalid_token'))
    if (!needed.every((scope) => allows(found.scopes, scope))) {
      throw unauthorized(challenge(needed, 'insufficient_scope'), needed)
    }
  }

  function challenge(scopes: readonly string[], error?: string): string {
    const parts = [`realm="${url}/token"`, 'service="memory, registry"']
    if (scopes.length > 0) parts.push(`scope="${scopes.join(' ')}"`)
    if (error) parts.push(`error="${error}"`)
    return `Bearer ${parts.join(',')}`
  }

  async function issueToken(call: Call): Promise<Reply> {
    if (auth.kind !== 'bearer') return text(404, '404 page not found\n')
    if (call.method === 'POST') return postToken(call, auth)
    const authorization = call.headers.authorization
    if (authorization !== undefined && authorization !== basicHeader(auth.user, auth.password)) return wrongPassword()
    if (call.url.searchParams.get('service') !== 'memory, registry') return json(400, { details: 'unknown service' })
    const account = authorization === undefined ? undefined : auth.user
    return grant(auth, call.url.searchParams.getAll('scope'), account, 'GET')
  }

  async function postToken(call: Call, bearer: BearerOptions): Promise<Reply> {
    if (bearer.postToken !== 200) return text(404, '404 page not found\n')
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
    if (!form.get('client_id') || !form.get('service')) return json(400, { error: 'invalid_request' })
    const refresh = form.get('grant_type') === 'refresh_token'
    const good = refresh
      ? bearer.identityToken !== undefined && form.get('refresh_token') === bearer.identityToken
      : form.get('username') === bearer.user && form.get('password') === bearer.password
    if (!good) return wrongPassword()
    return grant(bearer, form.getAll('scope'), bearer.user, 'POST')
  }

  function grant(
    bearer: BearerOptions,
    fields: readonly string[],
    account: string | undefined,
    method: 'GET' | 'POST',
  ): Reply {
    const asked = fields.flatMap((field) => field.split(' ')).filter(Boolean)
    const scopes = asked.map((scope) => granted(bearer, scope, account)).filter((scope) => scope !== undefined)
    const seconds = bearer.expiresIn ?? 300
    const token = `memory.${createHash('sha256').update(`${url} ${issued.length}`).digest('base64url')}`
    valid.set(token, { scopes, expires: now() + (seconds === 'omit' ? 60 : seconds) * 1000 })
    issued.push({ asked, scopes, account, method })
    const other = bearer.field === 'access_token' ? 'token' : 'access_token'
    return json(200, {
      [bearer.field ?? 'token']: token,
      [other]: bearer.field === undefined ? token : '',
      ...(seconds === 'omit' ? {} : { expires_in: seconds }),
      ...(bearer.omitIssuedAt ? {} : { issued_at: new Date(now()).toISOString() }),
    })
  }

  return { tokens: issued, authorize, issueToken, revokeTokens: () => valid.clear() }
}

function granted(bearer: BearerOptions, scope: string, account: string | undefined): string | undefined {
  const { type, name, actions } = partsOf(scope)
  const allowed = actions.filter((action) => {
    if (account === undefined) return bearer.anonymousPull === true && type === 'repository' && action === 'pull'
    return bearer.grant?.(name, action) ?? true
  })
  return allowed.length > 0 ? `${type}:${name}:${allowed.join(',')}` : undefined
}

function allows(scopes: readonly string[], needed: string): boolean {
  const want = partsOf(needed)
  const have = scopes.map(partsOf).filter(({ type, name }) => type === want.type && name === want.name)
  return want.actions.every((action) => have.some(({ actions }) => actions.includes(action)))
}

function partsOf(scope: string): { readonly type: string; readonly name: string; readonly actions: readonly string[] } {
  const first = scope.indexOf(':')
  const last = scope.lastIndexOf(':')
  return { type: scope.slice(0, first), name: scope.slice(first + 1, last), actions: scope.slice(last + 1).split(',') }
}

function basicHeader(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

function unauthorized(challenge: string, detail?: unknown): Refusal {
  return new Refusal(401, 'UNAUTHORIZED', 'authentication required', {
    detail,
    headers: { 'www-authenticate': challenge },
  })
}

function wrongPassword(): Reply {
  return json(401, { details: 'incorrect username or password' })
}
