/** The token server of Azure's registry: passwords, refresh tokens and tokens of Entra for access tokens that say what they allow. */

import { createHmac, randomBytes } from 'node:crypto'
import type { Call, Reply } from '../support/memory-registry.ts'
import { json, Refusal } from '../support/memory-reply.ts'

/** Whether an action in a repository (or `catalog` in `''`) is allowed. */
export type Grant = (repository: string, action: string) => boolean

export interface AcrAccount {
  readonly user: string
  readonly password: string
  readonly may: Grant
}

export interface TokenOptions {
  readonly accounts: readonly AcrAccount[]
  readonly entra?: ReadonlyMap<string, Grant>
  readonly abac?: boolean
  readonly anonymousPull?: boolean
}

export interface AcrTokens {
  /** As asked for, one scope each. */
  readonly asked: readonly string[]
  /** What is missing of `scopes`; undefined where all is allowed. */
  missing(authorization: string | undefined, scopes: readonly string[]): readonly string[] | undefined
  grantOf(authorization: string | undefined): Grant
  answer(call: Call): Promise<Reply>
  expire(): void
}

interface Access {
  readonly scopes: readonly string[]
  readonly grant: Grant
}

const REFRESH_USER = '00000000-0000-0000-0000-000000000000'
const LIFE = 4500
const REFRESH_LIFE = 3 * 3600

export function createAcrTokens(host: string, options: TokenOptions): AcrTokens {
  const key = randomBytes(32)
  const refreshing = new Map<string, Grant>()
  const access = new Map<string, Access>()
  const asked: string[] = []

  /** Signed, and with the times that only it tells. */
  function jwt(grant_type: string, life: number): string {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'Azure Container Registry',
      aud: host,
      exp: now + life,
      iat: now,
      jti: randomBytes(8).toString('hex'),
      grant_type,
    }
    const encoded = [{ alg: 'HS256', typ: 'JWT' }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    const signed = encoded.join('.')
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
  }

  const unauthorized = (): Reply => {
    throw new Refusal(
      401,
      'UNAUTHORIZED',
      'authentication required, visit https://aka.ms/acr/authorization for more information.',
    )
  }

  function byPassword(user: string, password: string): Grant | undefined {
    if (user === REFRESH_USER) return refreshing.get(password)
    return options.accounts.find((account) => account.user === user && account.password === password)?.may
  }

  async function answer(call: Call): Promise<Reply> {
    if (call.url.pathname === '/oauth2/token' && call.method === 'GET') return byGet(call)
    if (call.method !== 'POST') throw new Refusal(405, 'UNSUPPORTED', 'method not allowed')
    if (call.headers['content-type'] !== 'application/x-www-form-urlencoded')
      throw new Refusal(400, 'UNSUPPORTED', 'no form')
    const chunks: Buffer[] = []
    for await (const chunk of call.body) chunks.push(chunk)
    const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
    if (form.get('service') !== host) throw new Refusal(400, 'UNSUPPORTED', 'service is not this registry')
    if (call.url.pathname === '/oauth2/exchange') {
      const grant = form.get('grant_type') === 'access_token' && options.entra?.get(form.get('access_token') ?? '')
      if (!grant) return unauthorized()
      const token = jwt('refresh_token', REFRESH_LIFE)
      refreshing.set(token, grant)
      return json(200, { refresh_token: token })
    }
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '))
    if (form.get('grant_type') === 'refresh_token') {
      return issue(refreshing.get(form.get('refresh_token') ?? ''), scopes)
    }
    return issue(byPassword(form.get('username') ?? '', form.get('password') ?? ''), scopes)
  }

  function byGet({ url, headers }: Call): Reply {
    if (url.searchParams.get('service') !== host) throw new Refusal(400, 'UNSUPPORTED', 'service is not this registry')
    const scopes = url.searchParams.getAll('scope').flatMap((scope) => scope.split(' '))
    if (headers.authorization === undefined) {
      const grant: Grant = (_repository, action) => action === 'pull' || action === 'metadata_read'
      return issue(options.anonymousPull && scopes.length > 0 ? grant : undefined, scopes)
    }
    const [user = '', ...rest] = Buffer.from(headers.authorization.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
    return issue(byPassword(user, rest.join(':')), scopes)
  }

  /** What is not allowed is left out without a word. */
  function issue(grant: Grant | undefined, scopes: readonly string[]): Reply {
    if (!grant) return unauthorized()
    asked.push(...scopes)
    const granted = scopes.flatMap((scope) => {
      const { type, name, actions } = partsOf(scope)
      if (type === 'registry') return grant('', 'catalog') ? [scope] : []
      if (name.includes('*') && options.abac) return []
      return actions.filter((action) => grant(name, action)).map((action) => `${type}:${name}:${action}`)
    })
    const token = jwt('access_token', LIFE)
    access.set(token, { scopes: granted, grant })
    return json(200, { access_token: token })
  }

  const accessOf = (authorization: string | undefined): Access | undefined =>
    access.get(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '')

  return {
    asked,
    missing(authorization, scopes) {
      const found = accessOf(authorization)
      const wanted = scopes.flatMap((scope) => {
        const { type, name, actions } = partsOf(scope)
        return actions.map((action) => `${type}:${name}:${action}`)
      })
      if (!found) return wanted
      const missing = wanted.filter((scope) => !found.scopes.includes(scope))
      return missing.length > 0 ? missing : undefined
    },
    grantOf: (authorization) => accessOf(authorization)?.grant ?? (() => false),
    answer,
    expire() {
      access.clear()
      refreshing.clear()
    },
  }
}

function partsOf(scope: string): { readonly type: string; readonly name: string; readonly actions: readonly string[] } {
  const first = scope.indexOf(':')
  const last = scope.lastIndexOf(':')
  return { type: scope.slice(0, first), name: scope.slice(first + 1, last), actions: scope.slice(last + 1).split(',') }
}
