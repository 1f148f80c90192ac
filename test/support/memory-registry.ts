/** A strict registry in memory (distribution-spec 1.1) on a real HTTP listener, with switches for how real ones differ. */

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { RegistryEvent } from '../../src/core/adapter.ts'
import type { Digest } from '../../src/core/descriptor.ts'
import type { Artifact } from './images.ts'
import { createTokens, type IssuedToken } from './memory-auth.ts'
import { send } from './memory-reply.ts'
import { answer, answerStorage, routeOf } from './memory-routes.ts'
import type { Upload } from './memory-uploads.ts'

/** Content that is made while it is read, so that a test can move gigabytes. */
export interface SyntheticBlob {
  readonly size: number
  open(offset: number): AsyncIterable<Uint8Array>
}

export type StoredBlob = Buffer | SyntheticBlob

export interface StoredManifest {
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface MemoryRepository {
  readonly blobs: Map<Digest, StoredBlob>
  readonly manifests: Map<Digest, StoredManifest>
  readonly tags: Map<string, Digest>
}

export type Route =
  | 'ping'
  | 'token'
  | 'catalog'
  | 'tags'
  | 'manifest'
  | 'blob'
  | 'upload'
  | 'referrers'
  | 'storage'
  | 'other'

/** One request as the registry saw it. Logged on arrival; `status` is 0 until it is answered, and after a reset. */
export interface LoggedRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly path: string
  readonly route: Route
  /** Lower-case names; of `authorization` only the scheme. */
  readonly headers: Readonly<Record<string, string>>
  readonly status: number
  /** Of the bodies, in bytes. */
  readonly bytesIn: number
  readonly bytesOut: number
}

export type Fault =
  /** Answered instead of what would be. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** The connection is cut after so many bytes of the answer's body. */
  | { readonly truncateAfter: number }
  /** The connection is cut after so many bytes of the request's body, which the upload keeps. */
  | { readonly resetAfter: number }
  /** The connection is cut at once. */
  | { readonly reset: true }
  /** One byte of the answer's body is another. */
  | { readonly corrupt: true }
  /** The request is done, but its answer is never heard: the connection is cut instead. */
  | { readonly loseAnswer: true }
  /** Nothing is ever answered. */
  | { readonly hang: true }

export interface BearerOptions {
  readonly kind: 'bearer'
  readonly user: string
  readonly password: string
  /** Tokens without a credential may pull. Default false. */
  readonly anonymousPull?: boolean
  /** Seconds, default 300; `omit` leaves it out of the answer (the token lives for 60). */
  readonly expiresIn?: number | 'omit'
  readonly omitIssuedAt?: boolean
  /** How a POST is answered; default 404. */
  readonly postToken?: 404 | 200
  /** The refresh token that a POST may bring. */
  readonly identityToken?: string
  /** Narrows what a token of the right user may do; default everything. */
  readonly grant?: (repository: string, action: string) => boolean
  /** The name of the field that holds the token; the other is there and empty. Default `token`. */
  readonly field?: 'token' | 'access_token'
}

export type AuthOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly user: string; readonly password: string }
  | BearerOptions

/** Every default is strict and plain. */
export interface MemoryRegistryOptions {
  readonly auth?: AuthOptions
  /** false: 404; 401: refused whatever the credential. Default true. */
  readonly catalog?: boolean | 401
  /** The largest `n`, above it 400; and the length of a page where `n` is absent. Default 1000, and no paging of tags without `n`. */
  readonly pageSize?: number
  /** `loop`: every page links to itself. Default relative. */
  readonly link?: 'relative' | 'absolute' | 'opaque' | 'none' | 'loop'
  /** `n` and `last` of tags are ignored and nothing is sorted, as distribution 2.8 does. */
  readonly ignoreN?: boolean
  /** An unknown `last` is 404 with an empty body, as in zot. */
  readonly lastMustExist?: boolean
  /** A repository without tags says `null` and not an empty list. */
  readonly tagsNull?: boolean
  /** The referrers API; default true. */
  readonly referrers?: boolean
  /** DELETE by tag; default true. */
  readonly tagDelete?: boolean
  /** DELETE at all; default true. */
  readonly deletes?: boolean
  /** HEAD of a manifest is 405. */
  readonly headRefused?: boolean
  readonly omitDigestHeader?: boolean
  /** Manifests come as `TYPE; charset=utf-8`. */
  readonly contentTypeCharset?: boolean
  /** Which query of a push gives a tag to a manifest whose digest is no sha256: `tag` beside its digest (zot), or also `digest` beside its tag
   *  (olareg); false: refused, as by distribution. Default `tag`. */
  readonly sha512?: 'tag' | 'digest' | 'ignored' | false
  /** A tag cannot be moved: 400 TAG_INVALID. */
  readonly immutableTags?: boolean
  /** Blobs are 307 to a second listener, which refuses credentials (400) and HEAD (403). `once`: a link is good for one request. */
  readonly redirectBlobs?: boolean | 'once'
  /** Range is ignored: the whole blob with 200. */
  readonly ignoreRange?: boolean
  /** In bytes; said as `OCI-Chunk-Min-Length`. */
  readonly chunkMinLength?: number
  /** Larger bodies of uploads are 413, as a proxy would say it; in bytes. */
  readonly maxBody?: number
  readonly location?: 'relative' | 'absolute'
  /** The registry is served below this path (`/reg`), and does not know it: its locations lack it. */
  readonly hiddenPrefix?: string
  /** The `Range` of an upload says how many bytes are there, and not where the last one is. */
  readonly rangeCounts?: boolean
  /** Bytes of a request that broke off show late: each GET of the upload tells of so many more. What is not told is there all the same, and a
   *  range that begins before it is 416. */
  readonly lag?: number
  /** Makes of the path of an upload the one that clients are told; `intercept` must know it again. */
  readonly uploadPath?: (path: string) => string
  /** How a mount of a blob that is there is answered: 201, 202 (an upload begins) or with a refusal. Default 201. */
  readonly mount?: 201 | 202 | 403 | 404 | 500 | 503
  /** POST with `digest` takes the blob: 201. Default: ignored, 202. */
  readonly singlePost?: boolean
  /** Docker's media types; false: 415, as zot without `docker2s2`. Default true. */
  readonly dockerTypes?: boolean
  /** Schema 1 may be pushed; default false. */
  readonly schema1?: boolean
  /** Zero-byte blobs are refused. */
  readonly refuseEmptyBlob?: boolean
  /** Uploaded blobs are hashed and counted but not kept; they can be asked for but not read. */
  readonly sink?: boolean
  /** Headers of every answer, such as `Warning`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Asked before anything else, for what a vendor has beside the distribution API, or answers otherwise. A `Refusal` may be thrown. */
  readonly intercept?: (call: Call) => Promise<Reply | undefined> | Reply | undefined
  /** Told of each push of a manifest and each delete, as a webhook would be, once it is done. */
  readonly notify?: (event: RegistryEvent) => void
  /** Decides who may do what, instead of `auth`; throws a `Refusal`. */
  readonly authorize?: (call: Call) => void
  /** Called for every request, also those of the storage listener; `seen` counts earlier requests of this method and path (without query). */
  readonly fault?: (request: LoggedRequest, seen: number) => Fault | undefined
  readonly tls?: ServerOptions
  /** Milliseconds; for the expiry of tokens. Default the system's. */
  readonly now?: () => number
}

export interface MemoryRegistry {
  /** With scheme, without a trailing slash. */
  readonly url: string
  /** `127.0.0.1:PORT`. */
  readonly host: string
  /** What it holds, to look at and to change. */
  readonly repositories: Map<string, MemoryRepository>
  /** In order of arrival. */
  readonly requests: LoggedRequest[]
  readonly tokens: readonly IssuedToken[]
  /** Open uploads by their id. */
  readonly uploads: Map<string, Upload>
  /** A repository, made where it is not there. */
  repository(name: string): MemoryRepository
  /** Puts an artifact, all it names, and its tags where they belong, without a request. */
  add(repository: string, artifact: Artifact, ...tags: readonly string[]): void
  /** `METHOD route status` with how often each came, for a test of what was asked. */
  summary(): Record<string, number>
  /** Makes every token that was issued invalid. */
  revokeTokens(): void
  close(): Promise<void>
}

/** What the handlers of requests work on. */
export interface RegistryState extends MemoryRegistry {
  readonly options: MemoryRegistryOptions
  /** URL of the listener that stands for object storage. */
  readonly storageUrl: string
  readonly authorize: (call: Call) => void
  readonly issueToken: (call: Call) => Promise<Reply>
}

export interface Call {
  readonly method: string
  /** The URL as sent, on the registry's own host. */
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  /** The request's body, counted, and cut where a fault says so. */
  readonly body: AsyncIterable<Buffer>
  readonly state: RegistryState
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | SyntheticBlob
}

/** Starts a registry on 127.0.0.1, on a free port. */
export async function startMemoryRegistry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const requests: LoggedRequest[] = []
  const seen = new Map<string, number>()
  const repositories = new Map<string, MemoryRepository>()
  const listener =
    (handle: (call: Call) => Promise<Reply>): RequestListener =>
    (request, response) => {
      void serve(request, response, handle)
    }
  const server = await listen(listener(answer), options.tls)
  const storage = options.redirectBlobs ? await listen(listener(answerStorage), options.tls) : undefined
  const url = urlOf(server, options)
  const tokens = createTokens(options, url)

  function repository(name: string): MemoryRepository {
    const found = repositories.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() }
    repositories.set(name, found)
    return found
  }

  function add(name: string, artifact: Artifact, ...tags: readonly string[]): void {
    const target = repository(name)
    for (const child of artifact.children) add(name, child)
    for (const [digest, bytes] of artifact.blobs) target.blobs.set(digest, bytes)
    target.manifests.set(artifact.digest, { mediaType: artifact.mediaType, bytes: artifact.bytes })
    for (const tag of tags) target.tags.set(tag, artifact.digest)
  }

  const state: RegistryState = {
    url,
    host: new URL(url).host,
    storageUrl: storage ? urlOf(storage, options) : '',
    options,
    repositories,
    requests,
    uploads: new Map(),
    repository,
    add,
    summary: () => summarize(requests),
    ...tokens,
    ...(options.authorize ? { authorize: options.authorize } : {}),
    async close() {
      await Promise.all([closeServer(server), storage && closeServer(storage)])
    },
  }

  async function serve(
    request: IncomingMessage,
    response: ServerResponse,
    handle: (call: Call) => Promise<Reply>,
  ): Promise<void> {
    const path = request.url ?? '/'
    const prefix = options.hiddenPrefix ?? ''
    const parsed = new URL(path.startsWith(prefix) ? path.slice(prefix.length) : '/not-here', url)
    const entry = {
      method: request.method ?? 'GET',
      path,
      route: routeOf(parsed.pathname),
      headers: headersToLog(request),
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
    }
    requests.push(entry)
    const key = `${entry.method} ${parsed.pathname}`
    const before = seen.get(key) ?? 0
    seen.set(key, before + 1)
    const fault = options.fault?.(entry, before)
    await send({ request, response, socket: request.socket, entry, fault, extra: options.headers ?? {} }, (body) =>
      handle({ method: entry.method, url: parsed, headers: request.headers, body, state }),
    )
  }

  return state
}

async function listen(listener: RequestListener, tls: MemoryRegistryOptions['tls']): Promise<Server> {
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject))
  return server
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}

function urlOf(server: Server, options: MemoryRegistryOptions): string {
  const { port } = server.address() as AddressInfo
  return `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
}

function headersToLog(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '')
    headers[name] = name === 'authorization' ? (text.split(' ', 1)[0] ?? '') : text
  }
  return headers
}

function summarize(requests: readonly LoggedRequest[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { method, route, status } of requests) {
    const key = `${method} ${route} ${status}`
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}
