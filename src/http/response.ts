/** An answer as the rest of the program sees it: headers as plain text, a body that is the transport's own stream. */

import type { Dispatcher } from 'undici'
import { messageOf, RegistryError } from '../core/errors.ts'
import { parseJson } from '../core/foreign.ts'
import type { HttpResponse } from '../core/http.ts'

export interface ResponseContext {
  readonly method: string
  /** The URL that answered. */
  readonly url: string
  /** What to throw for an error of undici's. */
  readonly failure: (error: unknown) => unknown
  /** Called once, when the body has ended, failed, or was thrown away. */
  readonly done: () => void
  readonly redact: (text: string) => string
}

const JSON_LIMIT = 4 * 1024 * 1024
/** Up to here the rest of a body is read, as that keeps the connection; beyond, the connection is closed. */
export const DUMP_LIMIT = 65_536

export function toResponse(data: Dispatcher.ResponseData, context: ResponseContext): HttpResponse {
  const { body, statusCode: status } = data
  const headers = plainHeaders(data.headers)
  // The stream is handed out as it is, for speed, so its errors are translated where they enter it.
  const destroy = body.destroy.bind(body)
  body.destroy = (error) => destroy(error ? asError(context.failure(error)) : undefined)
  body.on('error', ignore)
  body.once('close', context.done)
  // An answer without a body needs no reader: its slot and connection are freed at once.
  if (context.method === 'HEAD' || status === 204 || status === 304 || headers['content-length'] === '0') body.resume()

  return responseOf(
    {
      status,
      headers,
      body,
      async discard() {
        if (!body.destroyed) await body.dump({ limit: DUMP_LIMIT }).catch(ignore)
      },
    },
    context,
  )
}

/** An answer of any transport, with methods that read a small body whole. */
export function responseOf(
  parts: Pick<HttpResponse, 'status' | 'headers' | 'body' | 'discard'>,
  context: Pick<ResponseContext, 'method' | 'url' | 'redact'>,
): HttpResponse {
  const { status, body } = parts

  async function bytes(limit = JSON_LIMIT): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of body) {
      size += chunk.byteLength
      if (size > limit) throw unusable(`an answer of more than ${limit} bytes`)
      chunks.push(new Uint8Array(chunk))
    }
    const [first] = chunks
    return first && chunks.length === 1 ? first : Buffer.concat(chunks, size)
  }

  function unusable(what: string, cause?: unknown): RegistryError {
    const path = context.redact(pathOf(context.url))
    return new RegistryError(`${what} to ${context.method} ${path}`, { status, method: context.method, path, cause })
  }

  return {
    ...parts,
    url: context.url,
    bytes,
    async json(limit) {
      const content = await bytes(limit)
      try {
        return parseJson(content)
      } catch (cause) {
        throw unusable(`an answer that is ${messageOf(cause)}`, cause)
      }
    },
  }
}

/** The same answer with its body in memory; unchanged where the body is larger than `limit` bytes. */
export async function heldResponse(
  response: HttpResponse,
  limit: number,
  redact: (text: string) => string,
): Promise<HttpResponse> {
  if (Number(response.headers['content-length'] ?? 0) > limit) return response
  const { status, headers, url } = response
  const bytes = await response.bytes(limit)
  async function* content() {
    yield bytes
  }
  // May be read more than once.
  const body = { [Symbol.asyncIterator]: content }
  return responseOf({ status, headers, body, discard: async () => {} }, { method: 'GET', url, redact })
}

/** Path and query of an absolute URL. */
export function pathOf(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('//') + 2))
}

function plainHeaders(raw: Dispatcher.ResponseData['headers']): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const name in raw) {
    const value = raw[name]
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return headers
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function ignore(): void {}
