/** Keeps what is sent and answered, for people who want to show what a service really says: without secrets, and nothing of blobs but their length. */

import type { Bytes } from '../../core/content.ts'
import { messageOf } from '../../core/errors.ts'
import type { HttpResponse } from '../../core/http.ts'
import type { Outgoing } from '../outgoing.ts'
import { isRedirect } from '../redirect.ts'
import { responseOf } from '../response.ts'
import type { Transport } from '../transport.ts'
import { bareHeaders, bareText, bareUrl } from './bare.ts'

/** A body as text, or of a blob and of what is too long only how many bytes it has. */
export type RecordedBody = { readonly text: string } | { readonly bytes: number | null }

/** A request and its answer as they are written. Everything that may be a secret is `***`. */
export interface Exchange {
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: RecordedBody
  }
  readonly answer:
    | {
        readonly status: number
        readonly headers: Readonly<Record<string, string>>
        readonly body?: RecordedBody
      }
    /** There was none. */
    | { readonly failure: string }
}

/** Told of each exchange once it is over. Does not throw. */
export type Recording = (exchange: Exchange) => void

/** The longest body that is kept, in bytes. */
const LONGEST = 1024 * 1024
/** Addresses of blobs at storages that are known at once. */
const MOST_PLACES = 1000
const IS_BLOB = /\/blobs\//
const IS_TEXT =
  /^(text\/|application\/(.+\+|x-amz-)?(json|xml|yaml|x-www-form-urlencoded)\b|application\/vnd\.[^;]*(json|prettyjws))/i

export function recorded(transport: Transport, record: Recording, redact: (text: string) => string): Transport {
  /** Where redirects of blobs lead: their content is a blob, whatever its address is like. */
  const places = new Set<string>()

  function isBlob(url: URL): boolean {
    return IS_BLOB.test(url.pathname) || places.has(url.href)
  }

  function follow(url: URL, { status, headers }: HttpResponse): void {
    const to = isRedirect(status) && isBlob(url) ? URL.parse(headers.location ?? '', url.href) : null
    if (!to) return
    places.add(to.href)
    const [oldest] = places
    if (places.size > MOST_PLACES && oldest !== undefined) places.delete(oldest)
  }

  async function send(outgoing: Outgoing): Promise<HttpResponse> {
    const { method, url, headers, body } = outgoing
    const sent = body === undefined ? undefined : sentBody(body, isBlob(url), headers['content-type'], redact)
    const request = {
      method,
      url: bareUrl(url, redact),
      headers: bareHeaders(headers, url, redact),
      ...(sent === undefined ? {} : { body: sent }),
    }
    try {
      // The bytes of a blob pass through this thread, where they are counted.
      const response = await transport.send({ ...outgoing, carrier: undefined })
      follow(url, response)
      const { status } = response
      const answered = { status, headers: bareHeaders(response.headers, url, redact) }
      const end = (told: RecordedBody | undefined): void =>
        record({ request, answer: { ...answered, ...(told === undefined ? {} : { body: told }) } })
      return watched(response, method, isBlob(url), end, redact)
    } catch (error) {
      record({ request, answer: { failure: redact(messageOf(error)) } })
      throw error
    }
  }
  return { send, close: () => transport.close() }
}

function sentBody(
  body: NonNullable<Outgoing['body']>,
  isBlob: boolean,
  type: string | undefined,
  redact: (text: string) => string,
): RecordedBody {
  if (!(body instanceof Uint8Array)) return { bytes: body.size }
  if (isBlob || body.byteLength > LONGEST || !IS_TEXT.test(type ?? '')) return { bytes: body.byteLength }
  return { text: bareText(Buffer.from(body).toString('utf8'), type, redact) }
}

/** The same answer, which tells `end` of its body when that is over. */
function watched(
  response: HttpResponse,
  method: string,
  isBlob: boolean,
  end: (body: RecordedBody | undefined) => void,
  redact: (text: string) => string,
): HttpResponse {
  const { status, headers, url, body } = response
  const length = Number(headers['content-length'] ?? Number.NaN)
  if (method === 'HEAD' || status === 204 || status === 304 || length === 0) {
    end(undefined)
    return response
  }
  const type = headers['content-type']
  const isKept = !isBlob && IS_TEXT.test(type ?? 'text/plain') && !(length > LONGEST)
  let kept: Uint8Array[] | undefined = isKept ? [] : undefined
  let size = 0
  let isOver = false

  function note(chunk: Uint8Array): void {
    size += chunk.byteLength
    if (size > LONGEST) kept = undefined
    // A chunk is valid until the next one is asked for.
    kept?.push(Uint8Array.from(chunk))
  }

  function over(isWhole: boolean): void {
    if (isOver) return
    isOver = true
    if (kept && isWhole) end({ text: bareText(Buffer.concat(kept).toString('utf8'), type, redact) })
    else end({ bytes: isWhole ? size : Number.isNaN(length) ? null : length })
  }

  async function* read(): Bytes {
    let isWhole = false
    try {
      for await (const chunk of body) {
        note(chunk)
        yield chunk
      }
      isWhole = true
    } finally {
      over(isWhole)
    }
  }

  const reading = read()
  return responseOf(
    {
      status,
      headers,
      body: reading,
      async discard() {
        // What nobody reads is often what tells most: the body of a refusal.
        if (isKept && !isOver) for await (const _ of reading) if (size > LONGEST) break
        over(false)
        await response.discard()
      },
    },
    { method, url, redact },
  )
}
