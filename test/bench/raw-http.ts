/** The least of an HTTP/1.1 server, so that a bench measures the program and not the server: request bodies are counted and dropped
 *  from one reused buffer, answers are written from one block. */

import { createServer, Socket } from 'node:net'

export interface RawRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole body, of manifests only; else it was dropped. */
  readonly body: Buffer
}

export interface RawReply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes, or a block that is written again and again until `size` are out. */
  readonly body?: Buffer | { readonly block: Buffer; readonly size: number }
}

export interface RawCounts {
  bytesIn: number
  bytesOut: number
  requests: number
}

const TLS_HANDSHAKE = 0x16
const EMPTY = Buffer.alloc(0)
const HEAD_END = Buffer.from('\r\n\r\n')

/** Listens on 127.0.0.1; the result is its port. */
export async function listenRaw(answer: (request: RawRequest) => RawReply, counts: RawCounts): Promise<number> {
  // Paused, so that the socket that reads into our own buffer gets the first byte.
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
    const { _handle: handle } = accepted as unknown as { readonly _handle: unknown }
    serve(handle, answer, counts)
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('no address')
  return address.port
}

interface Pending {
  readonly request: Omit<RawRequest, 'body'>
  /** Bytes of the body, or of its current chunk with the line end behind it; -1 where a chunk's size comes next. */
  left: number
  readonly chunked: boolean
  /** The last chunk has come. */
  ended: boolean
  readonly kept: Buffer[] | undefined
}

function serve(handle: unknown, answer: (request: RawRequest) => RawReply, counts: RawCounts): void {
  let head = EMPTY
  let line = EMPTY
  let pending: Pending | undefined
  // `handle` is what Node itself passes here for an accepted connection; `onread` is documented for connections we make.
  const options = { handle, onread: { buffer: Buffer.allocUnsafe(1 << 19), callback: take }, allowHalfOpen: false }
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())

  function take(size: number, buffer: Uint8Array): boolean {
    read(Buffer.from(buffer.buffer, buffer.byteOffset, size))
    return true
  }

  function read(bytes: Buffer): void {
    let rest = bytes
    while (rest.byteLength > 0) {
      if (!pending) {
        head = Buffer.concat([head, rest])
        // Someone tries TLS first, and would wait for an answer.
        if (head[0] === TLS_HANDSHAKE) return void socket.destroy()
        const end = head.indexOf(HEAD_END)
        if (end < 0) return
        rest = head.subarray(end + HEAD_END.byteLength)
        pending = begin(head.subarray(0, end).toString('latin1'))
        head = EMPTY
      }
      if (pending.left < 0) {
        line = Buffer.concat([line, rest])
        const end = line.indexOf('\r\n')
        if (end < 0) return
        rest = line.subarray(end + 2)
        const size = Number.parseInt(line.toString('latin1', 0, end), 16)
        line = EMPTY
        pending.left = size + 2
        pending.ended = size === 0
      }
      const part = rest.subarray(0, pending.left)
      pending.left -= part.byteLength
      counts.bytesIn += part.byteLength
      pending.kept?.push(Buffer.from(part))
      rest = rest.subarray(part.byteLength)
      if (pending.left > 0) return
      if (pending.chunked && !pending.ended) {
        pending.left = -1
        continue
      }
      const { request, kept } = pending
      pending = undefined
      counts.requests += 1
      void write(socket, request.method, answer({ ...request, body: Buffer.concat(kept ?? []) }), counts)
    }
  }
  socket.resume()
}

function begin(text: string): Pending {
  const [first = '', ...lines] = text.split('\r\n')
  const [method = '', path = ''] = first.split(' ')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  const isManifest = path.includes('/manifests/')
  const chunked = headers['transfer-encoding'] === 'chunked'
  return {
    request: { method, path, headers },
    left: chunked ? -1 : Number(headers['content-length'] ?? 0),
    chunked,
    ended: false,
    kept: isManifest ? [] : undefined,
  }
}

async function write(socket: Socket, method: string, reply: RawReply, counts: RawCounts): Promise<void> {
  const { status, headers = {}, body } = reply
  const size = body === undefined ? 0 : 'block' in body ? body.size : body.byteLength
  const lines = Object.entries({ 'content-length': String(size), ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  socket.write(`HTTP/1.1 ${status} x\r\n${lines.join('\r\n')}\r\n\r\n`)
  if (method === 'HEAD' || body === undefined) return
  if (!('block' in body)) {
    socket.write(body)
    return
  }
  for (let sent = 0; sent < size && !socket.destroyed; ) {
    const part = body.block.subarray(0, size - sent)
    sent += part.byteLength
    counts.bytesOut += part.byteLength
    if (!socket.write(part)) await drained(socket)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.once('drain', done).once('close', done)
  })
}
