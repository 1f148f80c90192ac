/** Lets each route be called by those who may: by a bearer token, or on the page by its cookie. */

import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../../core/cancel.ts'
import { mayDo } from '../../../core/role.ts'
import { addressOf } from '../../http/address.ts'
import { createGuesses } from '../../http/guesses.ts'
import { ApiError } from '../problem.ts'
import type { Api } from '../route.ts'
import type { Sessions } from './sessions.ts'
import type { Holder, Tokens } from './tokens.ts'

export const COOKIE = 'replicate_session'
/** Pages of other sites cannot send it. */
export const PAGE_HEADER = 'x-replicate-page'

export interface Guard {
  /** The holder of a token that was sent to sign in. Throws an `ApiError`. */
  signIn(request: FastifyRequest, token: string): Holder
}

export interface GuardOptions {
  readonly tokens: Tokens
  readonly sessions: Sessions
  readonly clock: Clock
  readonly isProxied: () => boolean
}

/** Every route of `app` must have a role: one without is refused when it is registered. */
export function guard(app: Api, { tokens, sessions, clock, isProxied }: GuardOptions): Guard {
  const guesses = createGuesses(clock)

  function holders(): readonly Holder[] {
    const all = tokens.holders()
    if (all) return all
    throw new ApiError(403, 'no_tokens', 'the API is off: others than users of this machine can reach it', {
      hint: 'give it `serve: {tokens: [{name, token, role}]}`, with the token as an environment variable',
    })
  }

  function signIn(request: FastifyRequest, token: string): Holder {
    holders()
    const address = addressOf(request.raw, isProxied())
    const wait = guesses.wait(address)
    if (wait > 0) {
      throw new ApiError(429, 'too_many_guesses', 'too many wrong tokens came from this address', {
        headers: { 'retry-after': String(wait) },
      })
    }
    const holder = tokens.holderOf(token)
    if (holder) return holder
    guesses.wrong(address)
    throw unauthorized('no one has that token')
  }

  function holderIn(request: FastifyRequest): Holder {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? []
      if (token === undefined) throw unauthorized('`Authorization` has no bearer token')
      return signIn(request, token)
    }
    const cookie = request.cookies[COOKIE]
    const holder = cookie === undefined ? undefined : sessions.read(cookie, holders())
    if (!holder) {
      holders()
      throw unauthorized(cookie === undefined ? 'no token was sent' : 'the session has ended')
    }
    if (!['GET', 'HEAD'].includes(request.method) && request.headers[PAGE_HEADER] === undefined) {
      throw new ApiError(403, 'forbidden', 'a request with a cookie needs the header of the page', {
        hint: 'send the token as a bearer token in `Authorization`',
      })
    }
    return holder
  }

  app.addHook('onRoute', ({ config, url }) => {
    if (config?.role === undefined) throw new TypeError(`${url} has no role`)
  })
  app.decorateRequest('caller', null)
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('cache-control', 'no-store')
    const { role } = request.routeOptions.config
    if (role === undefined || role === 'anyone') return
    const holder = holderIn(request)
    if (!mayDo(holder.role, role)) {
      throw new ApiError(403, 'forbidden', `this needs the role ${role}, and ${holder.name} has ${holder.role}`)
    }
    const { token: _, ...caller } = holder
    request.caller = { ...caller, origin: addressOf(request.raw, isProxied()) }
  })
  return { signIn }
}

function unauthorized(message: string): ApiError {
  return new ApiError(401, 'unauthorized', message, {
    hint: 'send a token of `serve.tokens` as a bearer token in `Authorization`',
    headers: { 'www-authenticate': 'Bearer realm="replicate"' },
  })
}
