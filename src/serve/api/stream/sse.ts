/** One client of server-sent events (HTML standard, 9.2). */

import { once } from 'node:events'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../../core/cancel.ts'

export interface Stream {
  /** False once the client is gone. */
  send(message: Message): boolean
  /** Resolves when little waits for the client, at once for a quick one, and when it is gone: who sends much waits for it. */
  drained(): Promise<void>
  /** Aborted when the client is gone, or `close` was called. */
  readonly gone: AbortSignal
  close(): void
}

export interface Message {
  readonly id?: string | undefined
  readonly event?: string
  /** As JSON, unless it is a text. */
  readonly data: unknown
}

/** Bytes that may wait for a slow client. It comes back and says what it saw last. */
const MOST_WAITING = 1024 * 1024
/** Bytes that may wait while more are to come. */
const LITTLE_WAITING = 64 * 1024
/** Proxies close what is silent for longer, in milliseconds. */
const SILENCE = 15_000
/** Milliseconds after which a client that was cut off comes back. */
const RETRY = 1000

/** Takes the reply over; `end` closes it. */
export function openStream(request: FastifyRequest, reply: FastifyReply, clock: Clock, end: AbortSignal): Stream {
  const { raw } = reply
  const gone = new AbortController()
  const close = (): void => {
    gone.abort()
    raw.end()
  }
  const write = (text: string): boolean => {
    if (gone.signal.aborted) return false
    raw.write(text)
    if (raw.writableLength <= MOST_WAITING) return true
    gone.abort()
    raw.destroy()
    return false
  }
  const signal = AbortSignal.any([gone.signal, end])
  async function drained(): Promise<void> {
    while (raw.writableLength > LITTLE_WAITING && !signal.aborted) {
      // Rejects when the client is gone.
      await once(raw, 'drain', { signal }).catch(() => {})
    }
  }
  async function keepOpen(): Promise<void> {
    try {
      for (;;) {
        await clock.sleep(SILENCE, signal)
        write(': still here\n\n')
      }
    } catch {
      close()
    }
  }
  reply.hijack()
  request.raw.socket.setTimeout(0)
  raw.once('close', () => gone.abort())
  raw.once('error', () => gone.abort())
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    connection: 'close',
  })
  write(`retry: ${RETRY}\n\n`)
  void keepOpen()
  return {
    gone: signal,
    close,
    drained,
    send: ({ id, event, data }) =>
      write(messageText(id, event, typeof data === 'string' ? data : JSON.stringify(data))),
  }
}

function messageText(id: string | undefined, event: string | undefined, data: string): string {
  const head = `${id === undefined ? '' : `id: ${id}\n`}${event === undefined ? '' : `event: ${event}\n`}`
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`)
  return `${head}${lines.join('')}\n`
}
