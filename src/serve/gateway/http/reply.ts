/** Writes answers to clients, at the pace at which they take them. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Refusal } from '../refusal.ts'

/** How long a client may take nothing before its connection is ended, in milliseconds. */
const IDLE_MS = 5 * 60_000

/** The client has ended its connection, which is not a failure of the gateway. */
export class ClientGone extends Error {}

export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

export function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new ClientGone()))
  response.setTimeout(IDLE_MS, () => response.destroy())
  response.setHeader('docker-distribution-api-version', 'registry/2.0')
  return { request, response, signal: gone.signal }
}

/** A body that is in memory; of a HEAD only its headers. */
export function reply(
  { request, response }: Exchange,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  response.writeHead(status, { ...headers, 'content-length': String(bytes.byteLength) })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

export function refuse(exchange: Exchange, refusal: Refusal): void {
  reply(exchange, refusal.status, { ...refusal.headers, 'content-type': 'application/json' }, refusal.body)
}

/** Resolves with how many bytes were sent once the client has taken all; rejects where it goes away. The chunks may be used again by
 *  their maker. */
export async function send(
  { response, signal }: Exchange,
  chunks: AsyncIterable<Uint8Array>,
  sent: (bytes: number) => void,
): Promise<void> {
  for await (const chunk of chunks) {
    await taken(response, chunk, signal)
    sent(chunk.byteLength)
  }
  response.end()
}

function taken(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const onGone = (): void => reject(signal.reason)
    signal.addEventListener('abort', onGone, { once: true })
    response.write(chunk, (error) => {
      signal.removeEventListener('abort', onGone)
      if (error) reject(new ClientGone())
      else resolve()
    })
  })
}
