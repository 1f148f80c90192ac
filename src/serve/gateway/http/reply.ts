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
  response.setTimeout(IDLE_MS, () => response.destroy())
  let gone: AbortSignal | undefined
  return {
    request,
    response,
    // Most answers are sent in one piece and never look at it.
    get signal() {
      gone ??= goneOf(request, response)
      return gone
    },
  }
}

/** Its connection may end before it is the answer's turn: then only the connection tells. */
function goneOf({ socket }: IncomingMessage, response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  const onClose = (): void => {
    socket.off('close', onClose)
    if (!response.writableFinished) gone.abort(new ClientGone())
  }
  if (response.closed || socket.destroyed) onClose()
  else {
    response.once('close', onClose)
    socket.once('close', onClose)
  }
  return gone.signal
}

/** Sends the head of an answer. */
export function begin(
  { response }: Exchange,
  status: number,
  headers: Readonly<Record<string, string>>,
): ServerResponse {
  return response.writeHead(status, { 'docker-distribution-api-version': 'registry/2.0', ...headers })
}

/** A body that is in memory; of a HEAD only its headers. */
export function reply(
  exchange: Exchange,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array | string,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const response = begin(exchange, status, { ...headers, 'content-length': String(bytes.byteLength) })
  response.end(exchange.request.method === 'HEAD' ? undefined : bytes)
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
