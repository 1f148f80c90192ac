/** A proxy before a registry that breaks what passes in every way that networks and servers have been seen to. */

import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Readable, Transform, type TransformCallback } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Route } from '../support/memory-registry.ts'
import { routeOf } from '../support/memory-routes.ts'

/** `up` is the request's body, `down` the answer's; places are bytes of that body. */
export type Way = 'up' | 'down'

export type WireFault =
  /** Answered by the proxy. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The connection is reset. */
  | { readonly cut: Way; readonly at: number }
  /** Nothing moves any more, and the connection stays. */
  | { readonly freeze: Way; readonly at: number }
  /** A pause after every piece. In milliseconds. */
  | { readonly slow: Way; readonly pause: number }
  /** One byte becomes another. */
  | { readonly flip: Way; readonly at: number }
  /** Something happens elsewhere when the body has come so far, such as tokens that run out. */
  | { readonly meanwhile: () => void; readonly way: Way; readonly at: number }
  /** The answer's headers say something else than the registry did; undefined leaves one out. */
  | { readonly lie: (headers: IncomingMessage['headers']) => Readonly<Record<string, string | undefined>> }
  /** The registry is asked for another range than the client did. */
  | { readonly shift: number }
  /** The registry is asked for the whole blob: it looks like one that does not know ranges. */
  | { readonly whole: true }
  /** The answer is sent twice. */
  | { readonly twice: true }
  /** The request is passed on, the answer is not: the connection is reset. */
  | { readonly lose: true }

export interface Passing {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly route: Route
  readonly headers: IncomingMessage['headers']
  /** How many of this method and route came before. */
  readonly seen: number
}

export interface FaultProxy {
  readonly url: string
  /** How many requests met a fault. */
  readonly met: number
  /** No more faults from now on. */
  heal(): void
  close(): Promise<void>
}

/** `target`: URL of a registry that speaks plain HTTP. */
export async function startFaultProxy(
  target: string,
  fault: (request: Passing) => WireFault | undefined,
): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(target)
  const seen = new Map<string, number>()
  let met = 0
  let healed = false

  const server = createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request
    const route = routeOf(new URL(path, target).pathname)
    const key = `${method} ${route}`
    const before = seen.get(key) ?? 0
    seen.set(key, before + 1)
    const found = healed ? undefined : fault({ method, path, route, headers, seen: before })
    if (found) met += 1
    pass(request, response, found)
  })

  function pass(request: IncomingMessage, response: ServerResponse, found: WireFault | undefined): void {
    const { method, url: path, socket } = request
    const cut = (): void => {
      if (!socket.destroyed) socket.resetAndDestroy()
    }
    if (found && 'status' in found) {
      const body = found.body ?? ''
      response.writeHead(found.status, { 'content-length': String(body.length), ...found.headers }).end(body)
      return
    }
    const upstream = httpRequest({ agent, hostname, port, method, path, headers: asked(request.headers, found) })
    upstream.on('error', cut)
    response.once('close', () => upstream.destroy())
    upstream.on('response', (answer) => {
      if (found && 'lose' in found) return cut()
      if (found && 'twice' in found) return void sendTwice(answer, socket)
      const headers = found && 'lie' in found ? { ...answer.headers, ...found.lie(answer.headers) } : answer.headers
      const kept = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
      // What is said of the length may be wrong: Node must not correct it.
      response.strictContentLength = false
      response.writeHead(answer.statusCode ?? 500, kept)
      answer.on('error', cut)
      answer.pipe(damage('down', found, cut)).pipe(response)
    })
    request.on('error', () => upstream.destroy())
    request.pipe(damage('up', found, cut)).pipe(upstream)
  }

  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no address')
  return {
    url: `http://127.0.0.1:${address.port}`,
    get met() {
      return met
    },
    heal() {
      healed = true
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
}

function asked(headers: IncomingMessage['headers'], fault: WireFault | undefined): IncomingMessage['headers'] {
  if (fault && 'whole' in fault) {
    const { range: _, ...others } = headers
    return others
  }
  const from = /^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]
  if (!fault || !('shift' in fault) || from === undefined) return headers
  return { ...headers, range: `bytes=${Math.max(0, Number(from) + fault.shift)}-` }
}

/** Passes a body on, with the damage that is meant for its way. */
function damage(way: Way, fault: WireFault | undefined, cut: () => void): Transform {
  let passed = 0
  let over = false
  const stream = new Transform({ transform: (chunk: Buffer, _encoding, done) => void transform(chunk, done) })
  return stream

  async function transform(chunk: Buffer, done: TransformCallback): Promise<void> {
    const start = passed
    passed += chunk.byteLength
    if (!fault || over) return done(undefined, chunk)
    const at = 'at' in fault && fault.at < passed ? fault.at - start : undefined
    if ('slow' in fault && fault.slow === way) await sleep(fault.pause)
    if (at === undefined || at < 0) return done(undefined, chunk)
    if ('cut' in fault && fault.cut === way) {
      stream.push(chunk.subarray(0, at))
      // Later, so that the bytes before the cut have left. `done` is never called: no more is asked for.
      setImmediate(cut)
    } else if ('freeze' in fault && fault.freeze === way) {
      stream.push(chunk.subarray(0, at))
    } else if ('flip' in fault && fault.flip === way) {
      const copy = Buffer.from(chunk)
      copy.writeUInt8(copy.readUInt8(at) ^ 0xff, at)
      done(undefined, copy)
    } else if ('meanwhile' in fault && fault.way === way) {
      over = true
      fault.meanwhile()
      done(undefined, chunk)
    } else done(undefined, chunk)
  }
}

async function sendTwice(answer: IncomingMessage, socket: NodeJS.WritableStream): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of answer as Readable) chunks.push(chunk as Buffer)
  const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`)
  const head = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`
  const whole = Buffer.concat([Buffer.from(head), ...chunks])
  socket.write(whole)
  socket.write(whole)
}
