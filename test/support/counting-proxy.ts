/** A reverse proxy before a registry that counts what passes, slows it down, and breaks it once. */

import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Readable, Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { routeOf } from './memory-routes.ts'

export interface ProxyOptions {
  /** Added to every request, in milliseconds. */
  readonly delay?: number
  /** Bytes of answers a second, over all requests: a network before the registry. */
  readonly perSecond?: number
  /** Cuts one connection, when so many bytes of bodies have gone this way over all requests. */
  readonly cutOnce?: { readonly way: 'up' | 'down'; readonly after: number }
}

interface FaultScope {
  /** Which requests; default all. */
  readonly match?: (method: string, path: string) => boolean
  /** For so many requests; default 1. */
  readonly times?: number
}

export type ProxyFault =
  /** The connection is cut after so many bytes of the body that goes up (request) or down (answer). */
  | (FaultScope & { readonly cut: 'up' | 'down'; readonly after: number })
  /** Answered by the proxy, for example 429 with `Retry-After`. */
  | (FaultScope & { readonly status: number; readonly headers?: Readonly<Record<string, string>> })

export interface CountingProxy {
  readonly url: string
  readonly host: string
  /** `METHOD route STATUS` (see `Route` of the registry in memory), with 0 for what was cut before its answer. */
  readonly counts: ReadonlyMap<string, number>
  readonly requests: number
  /** Of bodies, in bytes. */
  readonly bytesUp: number
  readonly bytesDown: number
  readonly maxInFlight: number
  /** Faults are tried in the order they were added. */
  addFault(fault: ProxyFault): void
  /** Forgets what was counted, not the faults. */
  reset(): void
  close(): Promise<void>
}

/** `target`: URL of a registry that speaks plain HTTP. */
export async function startCountingProxy(target: string, options: ProxyOptions = {}): Promise<CountingProxy> {
  const agent = new Agent({ keepAlive: true })
  const { hostname, port } = new URL(target)
  const faults: { readonly fault: ProxyFault; left: number }[] = []
  const counted = { counts: new Map<string, number>(), requests: 0, bytesUp: 0, bytesDown: 0, maxInFlight: 0 }
  let inFlight = 0
  let broken = false

  const server = createServer((request, response) => {
    void pass(request, response)
  })

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', socket } = request
    const label = `${method} ${routeOf(new URL(path, target).pathname)}`
    inFlight += 1
    counted.requests += 1
    counted.maxInFlight = Math.max(counted.maxInFlight, inFlight)
    let status = 0
    response.once('close', () => {
      inFlight -= 1
      const key = `${label} ${status}`
      counted.counts.set(key, (counted.counts.get(key) ?? 0) + 1)
    })
    if (options.delay !== undefined) await sleep(options.delay)
    const fault = take(method, path)
    if (fault && 'status' in fault) {
      status = fault.status
      response.writeHead(status, { 'content-length': '0', ...fault.headers }).end()
      return
    }
    const cut = (): void => {
      if (!socket.destroyed) socket.resetAndDestroy()
    }
    const upstream = httpRequest({ agent, hostname, port, method, path, headers: request.headers })
    upstream.on('error', cut)
    response.once('close', () => upstream.destroy())
    upstream.on('response', (answer) => {
      status = answer.statusCode ?? 0
      response.writeHead(status, answer.headers)
      const count = (bytes: number): boolean => {
        counted.bytesDown += bytes
        return breaks('down', counted.bytesDown)
      }
      relay(
        answer,
        response,
        limitOf(fault, 'down'),
        count,
        cut,
        options.perSecond === undefined ? undefined : paced(options.perSecond),
      )
    })
    const count = (bytes: number): boolean => {
      counted.bytesUp += bytes
      return breaks('up', counted.bytesUp)
    }
    relay(request, upstream, limitOf(fault, 'up'), count, cut)
  }

  /** When the network is free again. */
  let free = 0
  function paced(perSecond: number): (bytes: number) => Promise<void> {
    return async (bytes) => {
      const now = performance.now()
      free = Math.max(free, now - 50) + (bytes / perSecond) * 1000
      if (free > now) await sleep(free - now)
    }
  }

  function breaks(way: 'up' | 'down', total: number): boolean {
    if (broken || options.cutOnce?.way !== way || total < options.cutOnce.after) return false
    broken = true
    return true
  }

  function take(method: string, path: string): ProxyFault | undefined {
    const found = faults.find(({ fault, left }) => left > 0 && (fault.match?.(method, path) ?? true))
    if (found) found.left -= 1
    return found?.fault
  }

  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no address')
  const host = `127.0.0.1:${address.port}`
  return {
    url: `http://${host}`,
    host,
    counts: counted.counts,
    get requests() {
      return counted.requests
    },
    get bytesUp() {
      return counted.bytesUp
    },
    get bytesDown() {
      return counted.bytesDown
    },
    get maxInFlight() {
      return counted.maxInFlight
    },
    addFault: (fault) => faults.push({ fault, left: fault.times ?? 1 }),
    reset() {
      counted.counts.clear()
      Object.assign(counted, { requests: 0, bytesUp: 0, bytesDown: 0, maxInFlight: 0 })
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      agent.destroy()
      await closed
    },
  }
}

function limitOf(fault: ProxyFault | undefined, way: 'up' | 'down'): number {
  return fault && 'cut' in fault && fault.cut === way ? fault.after : Number.POSITIVE_INFINITY
}

/** Pipes, counts, and calls `cut` once `limit` bytes have gone through, or `count` says so. */
function relay(
  from: Readable,
  to: NodeJS.WritableStream,
  limit: number,
  count: (bytes: number) => boolean,
  cut: () => void,
  paced?: (bytes: number) => Promise<void>,
): void {
  let passed = 0
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const part = chunk.byteLength > limit - passed ? chunk.subarray(0, limit - passed) : chunk
      passed += part.byteLength
      const over = count(part.byteLength)
      const pass = (): void => {
        done(undefined, part)
        // Later, so that the bytes before the cut have left.
        if (over || passed >= limit) setImmediate(cut)
      }
      if (paced) void paced(part.byteLength).then(pass)
      else pass()
    },
  })
  from.on('error', cut)
  from.pipe(meter).pipe(to)
}
