/** The page signs in, asks who it is, and signs out. */

import { z } from 'zod'
import type { Guard } from '../auth/guard.ts'
import { COOKIE, PAGE_HEADER } from '../auth/guard.ts'
import type { Sessions } from '../auth/sessions.ts'
import type { Caller } from '../auth/tokens.ts'
import { ApiError } from '../problem.ts'
import { type Api, callerOf, problems } from '../route.ts'
import { type Session, session, sessionRequest } from '../schema/session.ts'

export interface SessionOptions {
  readonly guard: Guard
  readonly sessions: Sessions
  /** Browsers send the cookie over TLS only. */
  readonly secure: () => boolean
}

export function addSession(app: Api, { guard, sessions, secure }: SessionOptions): void {
  const cookie = { path: '/', httpOnly: true, sameSite: 'strict' } as const

  app.route({
    method: 'POST',
    url: '/session',
    config: { role: 'anyone' },
    schema: {
      tags: ['session'],
      security: [],
      description: 'Exchanges a token for the cookie of the page',
      body: sessionRequest,
      response: { 200: session, ...problems() },
    },
    async handler(request, reply) {
      if (request.headers[PAGE_HEADER] === undefined) {
        throw new ApiError(403, 'forbidden', 'only the page signs in; others send a bearer token')
      }
      const holder = guard.signIn(request, request.body.token)
      const opened = sessions.open(holder)
      reply.setCookie(COOKIE, opened.cookie, { ...cookie, secure: secure(), expires: new Date(opened.until) })
      return shown(holder, opened.until)
    },
  })

  app.route({
    method: 'GET',
    url: '/session',
    config: { role: 'viewer' },
    schema: { tags: ['session'], description: 'Who the caller is', response: { 200: session, ...problems() } },
    handler: async (request) => shown(callerOf(request), undefined),
  })

  app.route({
    method: 'DELETE',
    url: '/session',
    config: { role: 'viewer' },
    schema: {
      tags: ['session'],
      description: 'Takes the cookie away',
      response: { 204: z.undefined(), ...problems() },
    },
    async handler(_request, reply) {
      reply.clearCookie(COOKIE, { ...cookie, secure: secure() }).code(204)
    },
  })
}

function shown({ name, role, namespaces }: Caller, until: number | undefined): Session {
  const end = until === undefined ? null : new Date(until).toISOString()
  return { name, role, namespaces: namespaces ? [...namespaces] : null, until: end }
}
