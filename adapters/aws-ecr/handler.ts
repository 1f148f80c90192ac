/** Sends the requests that AWS's own client has signed through the client of the program: its proxy, its trust, its limits, its errors. */

import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import type { HttpRequest } from '../../src/core/http.ts'

/** What is handed through AWS's client to the handler below. */
export interface CallOptions {
  readonly abortSignal: AbortSignal
  readonly ctx: Context
}

/** As AWS's client makes them. */
export interface SignedRequest {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Refusals that AWS's client reads; any other is an error of ours, tried again where that may help. */
const ANSWERS = [200, 400, 401, 403, 404, 405, 409, 413]
/** In bytes. A page holds 1,000 images, each with up to 1,000 tags. */
const ANSWER_SIZE = 64 * 1024 * 1024

/** The `requestHandler` for a client of AWS, and for those that its chain of credentials opens. */
export function requestHandler(api: AdapterTools['api']) {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: SignedRequest, { abortSignal, ctx }: Partial<CallOptions> = {}) {
      const { method, protocol, hostname, port, path, query = {}, body } = request
      const url = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`
      const http = api({ url, name: 'aws', credential: async () => ({ kind: 'anonymous', origin: 'AWS' }) })
      const { host: _, 'user-agent': __, 'content-length': ___, ...headers } = request.headers
      const sent: HttpRequest = {
        method: methodOf(method),
        url: path + queryOf(query),
        headers,
        ...(body === undefined ? {} : { body: bytesOf(body) }),
        expect: ANSWERS,
        whole: ANSWER_SIZE,
      }
      const response = await http.request(sent, ctx ?? quiet(abortSignal))
      const bytes = await response.bytes(ANSWER_SIZE)
      return { response: { statusCode: response.status, headers: response.headers, body: bytes } }
    },
  }
}

/** For what the chain of credentials asks on its own. */
function quiet(signal: AbortSignal = new AbortController().signal): Context {
  return { signal, emit: () => {} }
}

function methodOf(method: string): 'GET' | 'POST' | 'PUT' {
  if (method === 'GET' || method === 'PUT') return method
  return 'POST'
}

function queryOf(query: NonNullable<SignedRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).map(
      (one: string) => `${encodeURIComponent(name)}=${encodeURIComponent(one)}`,
    ),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body
  if (typeof body === 'string') return Buffer.from(body)
  throw new TypeError('AWS sends a stream where none was expected')
}
