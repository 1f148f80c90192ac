/** The body of an answer, as its framing says, read from a connection. */

import type { Bytes } from '../../core/content.ts'
import { NetworkError } from '../../core/errors.ts'
import type { Connection } from './connection.ts'
import { type Framing, HEAD_LIMIT, type Head, malformed, parseHead } from './head.ts'

const LINE_LIMIT = 4_096

/** The final head; interim ones (1xx) are passed over. All of them together are bounded. */
export async function readHead(connection: Connection, method: string): Promise<Head> {
  let budget = HEAD_LIMIT
  for (;;) {
    const text = await readUntil(connection, '\r\n\r\n', budget)
    const head = parseHead(text, method, connection.host)
    if (head.status === 101) throw malformed(connection.host, 'status, a switch of protocols')
    if (head.status >= 200) return head
    budget -= text.length + 4
  }
}

/** Ends where the framing says; throws a `NetworkError` where the connection ends before. */
export function readBody(connection: Connection, head: Head): AsyncGenerator<Uint8Array> {
  return read(connection, head.framing, head.keepAlive > 0)
}

async function* read(connection: Connection, framing: Framing, kept: boolean): AsyncGenerator<Uint8Array> {
  if (framing.kind === 'length') yield* exactly(connection, framing.length, kept)
  else if (framing.kind === 'chunked') yield* chunked(connection)
  else {
    for (let bytes = await connection.take(); bytes; bytes = await connection.take()) yield bytes
  }
}

async function* exactly(connection: Connection, length: number, kept: boolean): AsyncGenerator<Uint8Array> {
  for (let left = length; left > 0; ) {
    const bytes = await connection.take()
    if (!bytes) throw kept ? connection.ended() : new NetworkError(`${connection.host} ended its answer too early`)
    const part = bytes.subarray(0, left)
    connection.putBack(bytes.subarray(part.byteLength))
    left -= part.byteLength
    yield part
  }
}

async function* chunked(connection: Connection): Bytes & AsyncGenerator<Uint8Array> {
  for (;;) {
    const line = await readUntil(connection, '\r\n', LINE_LIMIT)
    const size = /^([0-9a-f]{1,12})[ \t]*(?:;.*)?$/i.exec(line)?.[1]
    if (size === undefined) throw malformed(connection.host, 'length of a chunk')
    const length = Number.parseInt(size, 16)
    if (length === 0) break
    yield* exactly(connection, length, true)
    if ((await readUntil(connection, '\r\n', LINE_LIMIT)) !== '') throw malformed(connection.host, 'end of a chunk')
  }
  // Trailers hold nothing that is needed here.
  for (let budget = HEAD_LIMIT; ; ) {
    const line = await readUntil(connection, '\r\n', budget)
    if (line === '') return
    budget -= line.length + 2
  }
}

/** What comes before `end`, as Latin-1; what comes after is left. */
async function readUntil(connection: Connection, end: '\r\n' | '\r\n\r\n', limit: number): Promise<string> {
  let text = ''
  for (;;) {
    const bytes = await connection.take()
    if (!bytes) throw connection.ended()
    const from = Math.max(0, text.length - end.length + 1)
    const before = text.length
    text += Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, limit + end.length)).toString(
      'latin1',
    )
    const at = text.indexOf(end, from)
    if (at > limit || (at < 0 && text.length > limit)) throw malformed(connection.host, 'head, which is too long')
    if (at >= 0) {
      connection.putBack(bytes.subarray(at + end.length - before))
      return text.slice(0, at)
    }
  }
}
