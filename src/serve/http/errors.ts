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
  const message = messageOf(error)
  const problem = {
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: message,
    code: 'invalid_request',
    message,
  }
  const isApi = request.url.startsWith('/api/')
  void reply
    .code(isApi ? 400 : (error.statusCode ?? 400))
    .type(isApi ? 'application/problem+json; charset=utf-8' : 'application/json; charset=utf-8')
    .send(JSON.stringify(isApi ? problem : { error: message }))
}
