/** The contract of a registry's HTTP client: authentication, retries, limits, redirects, TLS and proxy behind one `request`. */

import type { Bytes } from './content.ts'
import type { Context } from './context.ts'
import type { Registry } from './registry.ts'

export const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]

/** A body that is opened again for each attempt. */
export interface BodySource {
  /** In bytes, sent as `Content-Length`. */
  readonly size: number
  open(): Promise<Bytes>
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the registry's URL (`/v2/…`), or absolute (an upload's `Location`, a page's `Link`). */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Headers that are made when an attempt is sent, such as a signature with its date. */
  readonly sign?: () => Readonly<Record<string, string>>
  readonly body?: Uint8Array | BodySource
  /** What a token must allow: `repository:a/b:pull`, several for a mount. Used when the registry wants bearer tokens. */
  readonly scopes?: readonly string[]
  /** Statuses that are answers and not errors; default: every 2xx. */
  readonly expect?: readonly number[]
  /** `blob`: a body of any length, which takes the slot of a stream and may be answered slowly; default `small`. */
  readonly kind?: 'small' | 'blob'
  /** true: what is read is a blob, which a proxy may hold back for minutes while it scans it. */
  readonly isBlob?: boolean
  /** true: do not queue for a connection slot. Set while the caller holds a download open: two copies that each hold one host's slot
   *  and queue for the other's would deadlock. */
  readonly bypassQueue?: boolean
  /** false: one attempt (and one renewal of a token); the caller retries. Default true. */
  readonly retry?: boolean
  /** Up to this many bytes of body are read as part of the attempt, so that a connection that breaks meanwhile is retried. */
  readonly whole?: number
  /** true: counts against the registry's allowance of pulls, as a GET of a manifest does. */
  readonly metered?: boolean
  /** false: a redirect is an answer. Default true for GET and HEAD, never for others. */
  readonly redirect?: boolean
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names; several lines of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** The URL that answered, after redirects. */
  readonly url: string
  /** Must be read to its end, or `discard`ed. */
  readonly body: Bytes
  /** The body as JSON, at most `limit` bytes (default 4 MiB); malformed is an error that names the request. */
  json(limit?: number): Promise<unknown>
  bytes(limit?: number): Promise<Uint8Array>
  discard(): Promise<void>
}

/** How a registry that does not answer 401 says that a credential has expired. */
export interface Expiry {
  readonly status: number
  /** What the body of the answer says then. */
  readonly text: RegExp
}

/** A body for any URL, or for a path of a registry with its credential. Sent once; redirects are not followed. */
export interface PostRequest {
  /** Whole; or a path on `registry`. */
  readonly url: string
  /** The registry whose credential is sent; absent: no credential. */
  readonly registry?: Registry
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Statuses besides every 2xx that are answers and not errors. */
  readonly answers?: readonly number[]
}

export interface Posted {
  readonly status: number
  /** The status with the server's words, one line; of a 2xx only the status. */
  readonly text: string
}

/** Throws a `RegistryError` for any other status, `CredentialError`, `NetworkError` or `CancelledError`. */
export type Post = (request: PostRequest, ctx: Context) => Promise<Posted>

export interface HttpClient {
  /** `https://registry.example.com/prefix`, without a trailing slash. */
  readonly url: string
  /** The host (and port) that a bare reference to this registry would name. */
  readonly host: string
  /** Throws `RegistryError`, `CredentialError`, `NetworkError` or `CancelledError`. */
  request(request: HttpRequest, ctx: Context): Promise<HttpResponse>
  /** True once the registry has told that `metered` requests count against an allowance. */
  countsPulls?(): boolean
  /** What is left of that allowance, as it last told. */
  pullsLeft?(): number | undefined
  close(): Promise<void>
}
