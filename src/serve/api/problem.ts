/** What goes wrong below /api, as problem details of RFC 9457 with the `code`, `message` and `hint` of `--json`. */

import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import {
  ConfigurationError,
  describeError,
  HistoryError,
  LockedError,
  messageOf,
  ReplicateError,
} from '../../core/errors.ts'
import { hintOverHttp } from './hints.ts'
import type { FieldError, Problem } from './schema/problem.ts'

/** A request that is not done, and why. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string | undefined
  /** What else the answer has, such as the YAML that could not be written. */
  readonly details: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    more: {
      readonly hint?: string | undefined
      readonly errors?: readonly FieldError[]
      readonly headers?: Readonly<Record<string, string>>
      readonly cause?: unknown
    } & Readonly<Record<string, unknown>> = {},
  ) {
    const { hint, headers = {}, cause, ...details } = more
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.hint = hint
    this.headers = headers
    this.details = details
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
}

/** `failed` is told of what is not the fault of a request; `redact` takes secrets out. */
export function answerProblems(
  app: FastifyInstance,
  { failed, redact }: { readonly failed: (text: string) => void; readonly redact: (text: string) => string },
): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = knownError(error)
    if (!known) failed(`${request.method} ${request.routeOptions.url ?? request.url}: ${messageOf(error)}`)
    // What is left of a body that is refused is not read.
    if (known?.status === 413) reply.header('connection', 'close')
    sendProblem(reply, known ?? new ApiError(500, 'bug', 'this failed; the log of the daemon says why'), redact)
  })
}

export function sendProblem(reply: FastifyReply, error: ApiError, redact: (text: string) => string): FastifyReply {
  const problem: Problem & Readonly<Record<string, unknown>> = {
    type: 'about:blank',
    title: TITLES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...error.details,
  }
  return reply
    .code(error.status)
    .headers(error.headers)
    .type('application/problem+json; charset=utf-8')
    .serializer((payload) => redact(String(payload)))
    .send(JSON.stringify(problem))
}

/** Undefined for what is a fault of this program. */
function knownError(error: FastifyError): ApiError | undefined {
  if (error instanceof ApiError) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    const errors = error.validation.map(({ instancePath, message = 'is not valid' }): FieldError => {
      const path = instancePath.split('/').filter((part) => part !== '')
      return { path: [error.validationContext ?? 'body', ...path].join('.'), message }
    })
    const text = errors.map(({ path, message }) => `${path}: ${message}`).join('; ')
    return new ApiError(400, 'invalid_request', text, { errors })
  }
  if (error instanceof ReplicateError) return ofProgram(error)
  const { statusCode: status } = error
  if (status === undefined || status < 400 || status >= 500) return undefined
  return new ApiError(status, 'invalid_request', messageOf(error))
}

/** In the request where it stands in no file: there the policy or registry is the body. */
function placeOf({ position, path }: ConfigurationError['problems'][number]): string {
  if (position) return `${position.line}:${position.column}`
  return path === undefined ? '' : ['body', ...path.slice(2)].join('.')
}

/** What the program itself refuses, as `--json` says it. */
export function ofProgram(error: ReplicateError): ApiError {
  const { code } = error
  const hint = hintOverHttp(error.hint)
  const message = describeError(error)
  if (error instanceof ConfigurationError) {
    const errors = error.problems.map(
      (problem): FieldError => ({
        path: placeOf(problem),
        message: problem.message,
        ...(problem.hint === undefined ? {} : { hint: hintOverHttp(problem.hint) }),
      }),
    )
    return new ApiError(422, code, message, { hint, errors, cause: error })
  }
  if (error instanceof HistoryError && error.missing) {
    return new ApiError(404, 'not_found', message, { hint, cause: error })
  }
  const status = error instanceof LockedError ? 409 : error instanceof HistoryError ? 503 : 502
  return new ApiError(status, code, message, { hint, cause: error })
}
