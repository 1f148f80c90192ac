/** The heads of HTTP/1.1 messages: a request's is written, an answer's is read, strictly, as what is ambiguous may be an attack. */

import { NetworkError } from '../../core/errors.ts'
import type { Outgoing } from '../outgoing.ts'

/** How long an answer's body is. `close`: to the end of the connection. */
export type Framing =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

export interface Head {
  readonly status: number
  /** Lower-case names; several lines of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly framing: Framing
  /** How long the connection may be kept for another request, in milliseconds; 0: it must be closed. */
  readonly keepAlive: number
}

/** The largest head of an answer, in bytes. */
export const HEAD_LIMIT = 65_536
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** What is decided here and by no caller. */
const OWN: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect'])
/** Milliseconds: how long an idle connection is kept where the server says nothing, at most, and less than it says. */
const KEEP = 4_000
const KEEP_LONGEST = 60_000
const KEEP_MARGIN = 2_000

export function malformed(host: string, what: string): NetworkError {
  return new NetworkError(`${host} does not answer in HTTP/1.1 (malformed ${what})`)
}

/** `length` of the body in bytes; undefined for a request without one. Throws for a header that would break the head. */
export function requestHead(request: Outgoing, length: number | undefined): Buffer {
  const { method, url } = request
  let text = `${method} ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\n`
  for (const [name, value] of Object.entries(request.headers)) {
    if (OWN.has(name)) continue
    if (!TOKEN.test(name) || !VALUE.test(value)) {
      throw new NetworkError(`header ${name} cannot be sent: it has characters that HTTP forbids`, { retryable: false })
    }
    text += `${name}: ${value}\r\n`
  }
  if (length !== undefined) text += `content-length: ${length}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

/** Reads a head without the empty line that ends it. Throws a `NetworkError` where it breaks a rule of RFC 9112. */
export function parseHead(text: string, method: string, host = 'the server'): Head {
  const [first = '', ...lines] = text.split('\r\n')
  const [, minor, digits] = STATUS_LINE.exec(first) ?? []
  if (digits === undefined) throw malformed(host, 'status line')
  const status = Number(digits)
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    // A line that begins with a blank would continue the line before it. Its name is not a token, so it is refused here.
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase()
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    if (!TOKEN.test(name) || !VALUE.test(value)) throw malformed(host, 'header line')
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return {
    status,
    headers: Object.fromEntries(fields),
    framing: framingOf(fields, status, method, host),
    keepAlive: keepAliveOf(fields, minor === '1'),
  }
}

function framingOf(fields: ReadonlyMap<string, string>, status: number, method: string, host: string): Framing {
  const length = contentLength(fields.get('content-length'), host)
  const encoding = fields.get('transfer-encoding')
  if (encoding !== undefined) {
    if (length !== undefined) throw malformed(host, 'framing, both a length and an encoding')
    if (encoding.toLowerCase() !== 'chunked') throw malformed(host, 'transfer encoding')
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'length', length: 0 }
  if (encoding !== undefined) return { kind: 'chunked' }
  return length === undefined ? { kind: 'close' } : { kind: 'length', length }
}

/** A length that is said twice must be the same. */
function contentLength(value: string | undefined, host: string): number | undefined {
  if (value === undefined) return undefined
  const [first = '', ...others] = value.split(/[ \t]*,[ \t]*/)
  const length = Number(first)
  if (!/^\d+$/.test(first) || !Number.isSafeInteger(length)) throw malformed(host, 'length')
  if (others.some((other) => other !== first)) throw malformed(host, 'length, which is said twice')
  return length
}

function keepAliveOf(fields: ReadonlyMap<string, string>, modern: boolean): number {
  const options = (fields.get('connection') ?? '').toLowerCase().split(/[ \t]*,[ \t]*/)
  if (options.includes('close') || (!modern && !options.includes('keep-alive'))) return 0
  const seconds = /(?:^|[\s,])timeout=(\d+)/i.exec(fields.get('keep-alive') ?? '')?.[1]
  if (seconds === undefined) return KEEP
  return Math.max(0, Math.min(KEEP_LONGEST, Number(seconds) * 1000 - KEEP_MARGIN))
}
