/** How every route answers what goes wrong: in JSON, with a reason where the request is at fault, and nothing of this program otherwise. */

import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../../core/errors.ts'

/** `failed` is told of what is not the fault of a request. */
export function answerErrors(app: FastifyInstance, failed: (text: string) => void): void {
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'there is nothing here' }))
  app.setErrorHandler((error, request, reply) => {
    const { statusCode: status = 500 } = error instanceof Error && 'statusCode' in error ? statusOf(error) : {}
    // What is left of a body that is refused is not read.
    if (status === 413) reply.header('connection', 'close')
    if (status >= 500)
      failed(`${request.method} ${request.routeOptions.url ?? 'of an unknown route'}: ${messageOf(error)}`)
    return reply
      .code(status)
      .send({ error: status >= 500 ? 'this failed; the log of the daemon says why' : messageOf(error) })
  })
}

function statusOf(error: Error & { readonly statusCode: unknown }): { readonly statusCode?: number } {
  const { statusCode } = error
  return typeof statusCode === 'number' && statusCode >= 400 && statusCode < 600 ? { statusCode } : {}
}

/** A path that cannot be decoded leads to no route; below /api it is answered as there. */
export function answerBadPath(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answer(request, reply, {
    status: error.statusCode ?? 400,
    apiStatus: 400,
    title: 'Bad Request',
    code: 'invalid_request',
    message: messageOf(error),
  })
}

/** The address has so many requests under way that no other one is answered. */
export function answerTooMany(request: FastifyRequest, reply: FastifyReply): void {
  answer(request, reply.header('retry-after', '1'), {
    status: 429,
    apiStatus: 429,
    title: 'Too Many Requests',
    code: 'too_many_requests',
    message: 'too many requests of this address are being answered',
  })
}

interface Refused {
  readonly status: number
  /** Below /api. */
  readonly apiStatus: number
  readonly title: string
  readonly code: string
  readonly message: string
}

/** In the words of the API, of the distribution API, or of neither, as the path says. */
function answer(
  { url }: FastifyRequest,
  reply: FastifyReply,
  { status, apiStatus, title, code, message }: Refused,
): void {
  if (url.startsWith('/api/')) {
    const problem = { type: 'about:blank', title, status: apiStatus, detail: message, code, message }
    void reply.code(apiStatus).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem))
    return
  }
  const distribution = { errors: [{ code: status === 429 ? 'TOOMANYREQUESTS' : 'UNSUPPORTED', message, detail: '' }] }
  const body = url.startsWith('/v2/') ? distribution : { error: message }
  void reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body))
}
