/** What routes are declared with: schemas of zod, and the role that they need. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Role } from '../../core/role.ts'
import type { Sender } from './auth/tokens.ts'
import { problem } from './schema/problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What its caller must be at least; `anyone` needs no token. */
    readonly role?: Role | 'anyone'
  }
  interface FastifyRequest {
    /** Set where the route needs a role. */
    caller: Sender | null
  }
}

export type Api = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/** The answers that any route may give, besides its own `more`. */
export function problems<const S extends number>(...more: readonly S[]) {
  const all = [400, 401, 403, 429, 500, 503, ...more] as const
  const answer = { description: 'Not done, and why', content: { 'application/problem+json': { schema: problem } } }
  return Object.fromEntries(all.map((status) => [status, answer])) as Record<(typeof all)[number], typeof answer>
}

/** Throws where a route forgot to say whom it is for. */
export function callerOf(request: FastifyRequest): Sender {
  if (request.caller) return request.caller
  throw new TypeError(`${request.routeOptions.url} has no caller`)
}

/** `X-Total-Count` and `Link` of a page. */
export function pageHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  { page, page_size: size, total }: { readonly page: number; readonly page_size: number; readonly total: number },
): void {
  const last = Math.max(1, Math.ceil(total / size))
  const link = (rel: string, to: number): string => {
    const url = new URL(request.url, 'http://any')
    url.searchParams.set('page', String(to))
    url.searchParams.set('page_size', String(size))
    return `<${url.pathname}${url.search}>; rel="${rel}"`
  }
  const links = [
    ...(page > 1 ? [link('first', 1), link('prev', Math.min(page - 1, last))] : []),
    ...(page < last ? [link('next', page + 1), link('last', last)] : []),
  ]
  reply.header('x-total-count', String(total))
  if (links.length > 0) reply.header('link', links.join(', '))
}
