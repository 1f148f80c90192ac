/** A daemon behind a proxy that tells the events of an hour of a run by itself, as fast as they can be sent. */

import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Hour {
  readonly url: string
  /** Sends a part of an hour's events within so many milliseconds. */
  tell(part: number, within: number): Promise<number>
  close(): void
}

/** What happens in an hour: twice a second how far it is, ten lines of its log a second. */
const SECONDS = 3600
const LINES_A_SECOND = 10
const BLOBS = 8
const BLOB = 50_000_000

export async function startHour(daemon: string, execution: Readonly<Record<string, unknown>>): Promise<Hour> {
  const streams = new Map<ServerResponse, boolean>()
  const { port: target } = new URL(daemon)
  const server = createServer((asked, answer) => {
    const { pathname, searchParams } = new URL(asked.url ?? '/', 'http://any')
    if (pathname === '/api/events') {
      answer.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      streams.set(answer, searchParams.has('execution'))
      send(answer, 'hello', { version: '0', time: new Date().toISOString() })
      answer.on('close', () => streams.delete(answer))
      return
    }
    const passed = request(
      { port: Number(target), path: asked.url, method: asked.method, headers: asked.headers },
      (answered) => {
        answer.writeHead(answered.statusCode ?? 500, answered.headers)
        answered.pipe(answer)
      },
    )
    passed.on('error', () => answer.destroy())
    asked.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let second = 0
  let line = 10_000_000
  let sent = 0

  function tellSecond(): void {
    second += 1
    for (const [stream, isOfOne] of streams) {
      for (const half of [0, 0.5]) {
        const bytes = (second + half) * 1_000_000
        if (isOfOne) send(stream, 'progress', { execution: execution.id, progress: progressAt(bytes) })
        else send(stream, 'execution', { ...execution, ...RUNNING, bytes_copied: bytes, succeed: second })
        sent += 1
      }
      for (let at = 0; isOfOne && at < LINES_A_SECOND; at += 1) {
        line += 1
        sent += 1
        const text = `copied 3500000 bytes in 4 blobs, line ${line}`
        send(stream, 'log', {
          execution: execution.id,
          id: line,
          time: new Date().toISOString(),
          level: 'info',
          task_id: at,
          text,
        })
      }
    }
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async tell(part, within) {
      const before = sent
      const seconds = SECONDS * part
      for (let at = 0; at < seconds; at += 1) {
        tellSecond()
        await new Promise((resolve) => setTimeout(resolve, within / seconds))
      }
      return sent - before
    },
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const RUNNING = { status: 'in_progress', end_time: null, duration_ms: null }

function progressAt(received: number): object {
  const blobs = Array.from({ length: BLOBS }, (_, at) => ({
    id: `${at}.${Math.floor(received / BLOB)}`,
    name: `library/repository-${at}:v1`,
    digest: `sha256:${String(at).repeat(64)}`,
    size: BLOB,
    bytes: received % BLOB,
  }))
  return { tasks: 100_000, bytes: 4e9, bare: 0, measured: 100_000, settled: received, received, blobs }
}

function send(stream: ServerResponse, event: string, data: object): void {
  stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
