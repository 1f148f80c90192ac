/** Turns a registry's refusal into an error with its codes, its words and what to do next. */

import { createRequire } from 'node:module'
import { RegistryError } from '../core/errors.ts'
import { foreignName, parseJson } from '../core/foreign.ts'
import type { HttpResponse } from '../core/http.ts'
import { retryAfter } from './retry.ts'

export interface RefusedRequest {
  readonly method: string
  /** Path and query; secrets in it are removed here. */
  readonly path: string
  readonly redact: (text: string) => string
  /** Milliseconds since 1970, to read a `Retry-After` that is a date. */
  readonly now: number
  readonly hint?: string | undefined
  /** The host that answered, where the registry has redirected to another one. */
  readonly elsewhere?: string | undefined
}

const BODY_LIMIT = 65_536
const TEXT_LIMIT = 200

/** Reads the answer's body (at most 64 KiB) and describes it; never throws. */
export async function refusal(response: HttpResponse, request: RefusedRequest): Promise<RegistryError> {
  const body = await bodyText(response)
  const words = explain(body, response.headers['content-type'] ?? '', (text) => clean(request.redact(text)))
  const status = response.status
  const why =
    words.length > 0
      ? words.map(({ code, message }) => (code && message ? `${code} (${message})` : code || `(${message})`)).join(', ')
      : status >= 200 && status < 300
        ? `${wordsFor(status)} where another answer was expected`
        : wordsFor(status)
  const by = request.elsewhere === undefined ? '' : ` from ${request.elsewhere}`
  const text = request.redact(`${status} ${why}`.trim() + by)
  return new RegistryError(text, {
    status,
    method: request.method,
    path: request.redact(request.path),
    codes: words.flatMap(({ code }) => (code ? [code] : [])),
    retryAfter: retryAfter(response.headers, request.now),
    hint: request.hint ?? hintFor(status, body, response, request),
  })
}

/** `require` when it is needed: the module takes 10 ms to load, and an `import`, which lists all its exports, 30 ms more. */
function wordsFor(status: number): string {
  const { STATUS_CODES } = createRequire(import.meta.url)('node:http') as typeof import('node:http')
  return STATUS_CODES[status] ?? ''
}

interface Words {
  readonly code: string
  readonly message: string
}

/** `clean` removes secrets before it cuts, as half a secret would not be recognised. */
function explain(text: string, type: string, clean: (text: string) => string): readonly Words[] {
  if (text === '') return []
  const json = parse(text)
  if (json !== undefined) return explainJson(json, clean)
  const plain = /^text\/plain/i.test(type) || type === ''
  return plain && !/^\s*</.test(text) ? [{ code: '', message: clean(text) }] : []
}

/** `{errors:[…]}` of the distribution API; one bare error; `{details}`, `{detail}`, `{message}`, `{error}` of token servers. */
function explainJson(json: unknown, clean: (text: string) => string): readonly Words[] {
  if (typeof json === 'string') return json ? [{ code: '', message: clean(json) }] : []
  if (!isObject(json)) return []
  if (Array.isArray(json.errors)) return json.errors.slice(0, 5).flatMap((error: unknown) => explainJson(error, clean))
  if (isObject(json.error)) return explainJson(json.error, clean)
  const code = typeof json.code === 'string' ? clean(json.code) : ''
  const detail = [json.message, json.details, json.detail, json.error_description, json.error].find(
    (value): value is string => typeof value === 'string' && value.trim() !== '',
  )
  return code || detail !== undefined ? [{ code, message: clean(detail ?? '') }] : []
}

function hintFor(status: number, body: string, response: HttpResponse, request: RefusedRequest): string | undefined {
  if (status === 400 && /HTTPS (?:server|port)/i.test(body)) return 'the server speaks TLS: set `url:` to https://…'
  if (status === 400 && /SSL certificate|client certificate/i.test(body)) {
    return 'the server wants a client certificate: set `client_cert:` and `client_key:`'
  }
  if (status === 401 && request.elsewhere !== undefined) {
    return `the registry redirects there, and no password goes to another host: if that is the registry, put its address into \`url:\``
  }
  if (status === 429) return 'lower `limits.requests_per_second` or `limits.connections` of this registry'
  const location = response.headers.location
  if (status >= 300 && status < 400 && location !== undefined) {
    return `it redirects to ${foreignName(request.redact(location))}: put that address into \`url:\``
  }
  return undefined
}

async function bodyText(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body) {
      chunks.push(new Uint8Array(chunk))
      size += chunk.byteLength
      if (size >= BODY_LIMIT) break
    }
  } catch {
    // The status alone is an answer: a connection that breaks in its explanation must not hide it.
  }
  return Buffer.concat(chunks).toString('utf8', 0, BODY_LIMIT)
}

/** One line without control characters, which a terminal would obey. */
function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  const line = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
  return line.length > TEXT_LIMIT ? `${line.slice(0, TEXT_LIMIT)}…` : line
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
