/** Answers with blobs: the destination's, or one that is on its way there. */

import { after } from '../../../core/cancel.ts'
import type { Context } from '../../../core/context.ts'
import type { Descriptor } from '../../../core/descriptor.ts'
import { NetworkError } from '../../../core/errors.ts'
import type { FoundBlob } from '../artifacts.ts'
import { type Part, partOf } from './range.ts'
import { begin, ClientGone, type Exchange, reply, send } from './reply.ts'

/** How long a client may take nothing until its connection to the destination is ended, in milliseconds; and once it was slow. */
const PATIENCE_MS = 2000
const SLOW_PATIENCE_MS = 100

export interface SentBlob {
  /** Nothing of it was read from the source for this client. */
  readonly hit: boolean
  readonly bytes: number
}

/** Throws where the blob cannot be had; once its first byte was sent, the connection is ended instead, so that it never looks complete. */
export async function answerBlob(exchange: Exchange, found: FoundBlob, ctx: Context): Promise<SentBlob> {
  const { request, response, signal } = exchange
  const { blob, flight } = found
  const part = partFor(exchange, blob.size)
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': blob.digest,
    etag: `"${blob.digest}"`,
    'accept-ranges': 'bytes',
  }
  if (part === 'unsatisfiable') {
    reply(exchange, 416, { ...headers, 'content-range': `bytes */${blob.size}` }, '')
    return { hit: true, bytes: 0 }
  }
  const { first, end } = part === 'whole' ? { first: 0, end: blob.size } : part
  const hit = flight === undefined || flight.isOver || flight.isLive
  const head = {
    ...headers,
    'content-length': String(end - first),
    ...(part === 'whole' ? {} : { 'content-range': `bytes ${first}-${end - 1}/${blob.size}` }),
  }
  const status = part === 'whole' ? 200 : 206
  if (request.method === 'HEAD') {
    begin(exchange, status, head).end()
    return { hit: true, bytes: 0 }
  }
  const chunks = bytesOf(found, { first, end }, { ...ctx, signal: AbortSignal.any([ctx.signal, signal]) })
  // What cannot be had at all is refused with a status of its own.
  const begun = await chunks.next()
  let bytes = 0
  begin(exchange, status, head)
  try {
    await send(exchange, joined(begun, chunks), (count) => {
      bytes += count
    })
  } catch (error) {
    response.destroy()
    if (!(error instanceof ClientGone)) throw error
  }
  return { hit, bytes }
}

/** The part that a request wants of a blob of some size; undefined where it wants none. */
export function partWanted(exchange: Exchange): (size: number) => Part | undefined {
  return (size) => {
    if (exchange.request.method === 'HEAD' || size === 0) return undefined
    const part = partFor(exchange, size)
    if (part === 'whole') return { first: 0, end: size }
    return part === 'unsatisfiable' ? undefined : part
  }
}

function partFor({ request }: Exchange, size: number): ReturnType<typeof partOf> {
  // A range counts for GET alone (RFC 9110, 14.2).
  return request.method === 'GET' ? partOf(request.headers.range, size) : 'whole'
}

async function* joined(
  first: IteratorResult<Uint8Array, void>,
  rest: AsyncGenerator<Uint8Array, void>,
): AsyncGenerator<Uint8Array> {
  try {
    if (!first.done) yield first.value
    yield* rest
  } finally {
    await rest.return()
  }
}

/** Exactly the bytes of the part; throws where the source of them ends before. */
async function* bytesOf(
  { place, blob, flight, chunks }: FoundBlob,
  { first, end }: Part,
  ctx: Context,
): AsyncGenerator<Uint8Array, void> {
  let at = first
  while (flight && at < end) {
    const held = await flight.read(at, ctx.signal)
    if (!held) break
    const wanted = held.bytes.subarray(0, end - at)
    at += wanted.byteLength
    let isTaken = false
    try {
      yield wanted
      isTaken = true
    } finally {
      held.release(isTaken)
    }
  }
  if (at < end) yield* fromDestination(place, blob, { first: at, end }, chunks, ctx)
}

/** A client that takes nothing for a while keeps no connection to the destination, of which there are few: once it goes on, the rest is
 *  asked for. */
async function* fromDestination(
  { to }: FoundBlob['place'],
  blob: Descriptor,
  { first, end }: Part,
  begun: AsyncIterator<Uint8Array> | undefined,
  ctx: Context,
): AsyncGenerator<Uint8Array, void> {
  let at = first
  let patience = PATIENCE_MS
  let opened = begun
  while (at < end) {
    const chunks = opened ?? (await to.readBlob(blob, at, ctx, end))[Symbol.asyncIterator]()
    opened = undefined
    let isLetGo = false
    const letGo = (): void => {
      isLetGo = true
      patience = SLOW_PATIENCE_MS
      // How it ends says nothing: what it has given stays as it is.
      chunks.return?.().catch(() => {})
    }
    try {
      while (at < end && !isLetGo) {
        const next = await chunks.next()
        if (next.done) throw tooShort(blob, at)
        const wanted = next.value.subarray(0, end - at)
        at += wanted.byteLength
        const stop = after(patience, letGo, true)
        try {
          if (wanted.byteLength > 0) yield wanted
        } finally {
          stop()
        }
      }
    } finally {
      await chunks.return?.()
    }
  }
}

function tooShort({ digest, size }: Descriptor, at: number): NetworkError {
  return new NetworkError(`blob ${digest} ended at ${at} of ${size} bytes`)
}
