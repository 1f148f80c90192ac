/** Uploads a blob: opens a session, sends the bytes the way the registry likes, and goes on where an upload broke off. */

import type { Checkpoint, OpenBlob } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import { type Descriptor, digestParts, parseDigest, shortDigest } from '../core/descriptor.ts'
import { IntegrityError, RegistryError, ReplicateError } from '../core/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../core/http.ts'
import { BlobParts } from './parts.ts'
import { doing } from './restate.ts'

/** How a registry wants its blobs. */
export interface UploadFacts {
  /** `put`: one PUT up to `putLimit`, chunks above it; `chunks`: PATCHes of `chunk` bytes; `patch`: one PATCH and an empty PUT. */
  readonly strategy: 'put' | 'chunks' | 'patch'
  /** In bytes; absent: no limit. */
  readonly putLimit?: number
  /** In bytes; default 32 MiB. */
  readonly chunk?: number
}

export interface UploadRetry {
  /** How often in a row an upload may fail without getting further, the last time included. */
  readonly attempts: number
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

export interface UploadTarget {
  readonly http: HttpClient
  /** `/v2/<name>`. */
  readonly path: string
  readonly scopes: readonly string[]
  readonly facts: UploadFacts
  readonly retry: UploadRetry
  /** What the registry turned out to take; one object for all its repositories. */
  readonly learned: Learned
}

export interface Learned {
  /** Requests with larger bodies were refused with 413. In bytes. */
  bodyLimit?: number
}

/** An upload that the registry has opened. */
export interface UploadSession {
  /** Absolute, with the query exactly as it came. */
  readonly location: string
  /** `OCI-Chunk-Min-Length`, in bytes. */
  readonly minimum: number
}

const CHUNK = 32 * 1024 * 1024
/** What a reverse proxy takes that nobody has configured. */
const SMALL_CHUNK = 1024 * 1024
/** Blobs up to this size travel in the lane of manifests, so that they do not wait behind large ones. */
const SMALL_BLOB = 256 * 1024
const EMPTY = new Uint8Array(0)

/** Where a blob's upload may go on. */
export interface UploadStart {
  /** One that the registry has just opened. */
  readonly session?: UploadSession | undefined
  /** Knows one that an earlier process has left, and is told of this one. What is saved is its Location. */
  readonly checkpoint?: Checkpoint | undefined
}

/** Writes `blob`. Throws what `open`'s stream threw, or why the registry refused. */
export async function uploadBlob(
  target: UploadTarget,
  blob: Descriptor,
  open: OpenBlob,
  { session, checkpoint = FORGETFUL }: UploadStart,
  ctx: Context,
): Promise<void> {
  const source = new BlobParts(blob, open)
  let upload = await leftBehind(target, blob, checkpoint, ctx)
  if (upload && session) await abandonUpload(target, session.location, ctx)
  else upload ??= session && begun(session)
  let furthest = upload?.confirmed ?? 0
  let failures = 0
  try {
    for (;;) {
      upload ??= begun(await openSession(target, `${target.path}/blobs/uploads/`, target.scopes, ctx))
      checkpoint.save(upload.location, upload.confirmed)
      try {
        await send(target, blob, source, upload, checkpoint, ctx)
        checkpoint.clear()
        return
      } catch (caught) {
        const failure = source.takeFailure()
        const error = failure ?? caught
        if (error instanceof IntegrityError) {
          await abandonUpload(target, upload.location, ctx)
          checkpoint.clear()
        }
        if (ctx.signal.aborted) throw error
        // What the stream failed with says nothing of the session: a 404 of the source is final.
        const gone = failure === undefined && isGone(error, upload)
        if (failure !== undefined || !shrink(target, upload, error)) {
          failures += 1
          const again = gone || isRetryable(error) || (failure === undefined && isStatus(error, 416))
          if (!again || failures >= target.retry.attempts) {
            // A session that was refused for good is none to go on with; after any other failure it is.
            if (failure === undefined && error instanceof RegistryError && !error.retryable) checkpoint.clear()
            throw error
          }
          await pause(target, blob, error, failures, ctx)
        }
        const next = gone ? undefined : await recover(target, upload, source.sent, ctx)
        if (!next && source.sent >= blob.size && (await isThere(target, blob, ctx))) {
          checkpoint.clear()
          return
        }
        upload = next
        if (next && next.confirmed > furthest) {
          furthest = next.confirmed
          failures = 0
        }
      }
    }
  } finally {
    source.close()
  }
}

const FORGETFUL: Checkpoint = { load: () => undefined, save: () => {}, clear: () => {} }

/**
 * The upload that an earlier process has left, at what the registry holds of it; undefined where there is none, or not any more.
 * Nobody here has seen the bytes before that: the registry's own check of the digest at the end is what they go by.
 */
async function leftBehind(
  target: UploadTarget,
  blob: Descriptor,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<Upload | undefined> {
  const location = checkpoint.load()
  if (location === undefined) return undefined
  const upload = await recover(target, begun({ location, minimum: 0 }), blob.size, ctx)
  if (upload && upload.confirmed > 0) return upload
  // Forgotten, or empty: then nothing is lost by a new one.
  checkpoint.clear()
  await abandonUpload(target, location, ctx)
  return undefined
}

/** The session that a POST opened; throws where the answer names none. */
export function sessionOf(response: HttpResponse, path: string): UploadSession {
  const location = locationOf(response)
  if (location === undefined) {
    throw new RegistryError('the registry opened an upload without saying where', {
      status: response.status,
      method: 'POST',
      path,
    })
  }
  const minimum = Number(response.headers['oci-chunk-min-length'])
  return { location, minimum: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0 }
}

/** The lane for a blob of `size` bytes. */
export function laneOf(size: number): 'small' | 'blob' {
  return size <= SMALL_BLOB ? 'small' : 'blob'
}

async function openSession(
  target: UploadTarget,
  url: string,
  scopes: readonly string[],
  ctx: Context,
): Promise<UploadSession> {
  const opening = target.http.request({ method: 'POST', url, scopes, body: EMPTY }, ctx)
  const response = await doing(`begin an upload to ${target.path.slice('/v2/'.length)}`, opening)
  await response.discard()
  return sessionOf(response, url)
}

/** A session and how far it got. */
interface Upload {
  location: string
  readonly minimum: number
  /** The bytes that the registry has said it holds. */
  confirmed: number
  /** Bytes of an earlier attempt are in it. */
  readonly resumed: boolean
  /** The size of the body sent last. */
  part: number
}

function begun(session: UploadSession): Upload {
  return { ...session, confirmed: 0, resumed: false, part: 0 }
}

async function send(
  target: UploadTarget,
  blob: Descriptor,
  source: BlobParts,
  upload: Upload,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<void> {
  const whole = !upload.resumed && upload.confirmed === 0 && partSize(target, upload, blob.size) === blob.size
  if (whole && (target.facts.strategy !== 'patch' || blob.size === 0)) {
    upload.part = blob.size
    // Nothing is streamed of an empty blob, but its stream may still say that it is none.
    if (blob.size === 0) await source.expectEmpty()
    const body = blob.size === 0 ? EMPTY : { size: blob.size, open: async () => source.read(0, blob.size) }
    return commit(target, blob, upload, body, ctx)
  }
  while (upload.confirmed < blob.size) {
    const start = upload.confirmed
    const size = partSize(target, upload, blob.size - start)
    upload.part = size
    const range = target.facts.strategy === 'patch' && size === blob.size ? {} : rangeHeader(start, size)
    const body = { size, open: async () => source.read(start, size) }
    const response = await sendBody(target, 'PATCH', upload.location, body, range, ctx)
    upload.location = locationOf(response) ?? upload.location
    upload.confirmed = start + size
    checkpoint.save(upload.location, upload.confirmed)
  }
  upload.part = 0
  return commit(target, blob, upload, EMPTY, ctx)
}

function rangeHeader(start: number, size: number): Readonly<Record<string, string>> {
  return { 'content-range': `${start}-${start + size - 1}` }
}

/** How many of the `remaining` bytes the next request carries. */
function partSize(target: UploadTarget, upload: Upload, remaining: number): number {
  const { strategy, chunk = CHUNK, putLimit = Number.POSITIVE_INFINITY } = target.facts
  const { bodyLimit = Number.POSITIVE_INFINITY } = target.learned
  if (remaining <= Math.min(strategy === 'chunks' ? chunk : putLimit, bodyLimit)) return remaining
  return Math.min(remaining, Math.max(Math.min(chunk, bodyLimit), upload.minimum))
}

async function commit(
  target: UploadTarget,
  blob: Descriptor,
  upload: Upload,
  body: NonNullable<HttpRequest['body']>,
  ctx: Context,
): Promise<void> {
  const url = `${upload.location}${upload.location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(blob.digest)}`
  const response = await sendBody(target, 'PUT', url, body, {}, ctx, laneOf(blob.size))
  const stored = parseDigest(response.headers['docker-content-digest'] ?? '')
  if (!stored || digestParts(stored).algorithm !== digestParts(blob.digest).algorithm || stored === blob.digest) return
  throw new IntegrityError(`the registry stored a blob under another digest: sent ${blob.digest}, stored ${stored}`)
}

async function sendBody(
  target: UploadTarget,
  method: 'PATCH' | 'PUT',
  url: string,
  body: NonNullable<HttpRequest['body']>,
  headers: Readonly<Record<string, string>>,
  ctx: Context,
  kind: 'small' | 'blob' = laneOf('size' in body ? body.size : 0),
): Promise<HttpResponse> {
  const type = { 'content-type': 'application/octet-stream' }
  const { scopes } = target
  // Not repeated below: after a failure the registry must first be asked what it holds.
  const request = { method, url, scopes, body, kind, retry: false, headers: { ...type, ...headers } } as const
  const response = await doing(
    `upload a blob to ${target.path.slice('/v2/'.length)}`,
    target.http.request(request, ctx),
  )
  await response.discard()
  return response
}

/** The `Location` as an absolute URL, otherwise verbatim: its query is the registry's secret state. */
function locationOf(response: HttpResponse): string | undefined {
  const location = response.headers.location
  if (!location) return undefined
  if (/^https?:\/\//i.test(location)) return location
  if (location.startsWith('/') && !location.startsWith('//')) return `${new URL(response.url).origin}${location}`
  return URL.canParse(location, response.url) ? new URL(location, response.url).href : undefined
}

/** True where the body was refused as too large and smaller ones can be tried. */
function shrink(target: UploadTarget, upload: Upload, error: unknown): boolean {
  if (!isStatus(error, 413)) return false
  const { chunk = CHUNK } = target.facts
  const smaller = [chunk, SMALL_CHUNK].find((size) => size < upload.part && size >= upload.minimum)
  if (smaller === undefined) return false
  target.learned.bodyLimit = Math.min(smaller, target.learned.bodyLimit ?? smaller)
  return true
}

function isRetryable(error: unknown): boolean {
  if (error instanceof ReplicateError) return error.retryable
  // System and undici errors carry a code; anything else is a bug.
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
}

/** True where the session is of no more use: forgotten, or what it holds is not what was resumed. */
function isGone(error: unknown, upload: Upload): boolean {
  return isStatus(error, 404) || (upload.resumed && isStatus(error, 400))
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof RegistryError && error.status === status
}

async function pause(
  target: UploadTarget,
  blob: Descriptor,
  error: unknown,
  attempt: number,
  ctx: Context,
): Promise<void> {
  const asked = error instanceof RegistryError ? error.retryAfter : undefined
  const delay = asked ?? Math.round(Math.random() * Math.min(30_000, 200 * 2 ** attempt))
  const reason = error instanceof Error ? error.message : String(error)
  ctx.emit({ type: 'retry', what: `upload of ${shortDigest(blob.digest)}`, attempt, delay, reason })
  await target.retry.wait(delay, ctx.signal)
}

/**
 * The same session at what the registry says it holds; undefined where that is unknown and the upload must begin anew. What it has
 * confirmed before counts more than a stale answer, and it cannot hold more than was `sent`.
 */
async function recover(target: UploadTarget, upload: Upload, sent: number, ctx: Context): Promise<Upload | undefined> {
  const { http, scopes } = target
  let response: HttpResponse
  try {
    response = await http.request({ method: 'GET', url: upload.location, scopes }, ctx)
  } catch (error) {
    if (error instanceof RegistryError && !error.retryable) return undefined
    throw error
  }
  await response.discard()
  const last = /^\s*(?:bytes[= ])?\s*0-(-?\d+)/i.exec(response.headers.range ?? '')?.[1]
  if (last === undefined) return undefined
  // `0-0` is said of an empty session and of one that holds one byte.
  if (last === '0' && upload.confirmed === 0 && sent > 0) return undefined
  const held = last === '0' ? 0 : Number(last) + 1
  const confirmed = Math.min(Math.max(held, upload.confirmed), Math.max(sent, upload.confirmed))
  return {
    location: locationOf(response) ?? upload.location,
    minimum: upload.minimum,
    confirmed,
    resumed: confirmed > 0,
    part: 0,
  }
}

/** True where the blob was stored and only the answer was lost. */
async function isThere(target: UploadTarget, blob: Descriptor, ctx: Context): Promise<boolean> {
  const { http, scopes, path } = target
  const url = `${path}/blobs/${blob.digest}`
  const response = await http.request({ method: 'HEAD', url, scopes, expect: [200, 404], redirect: true }, ctx)
  await response.discard()
  return response.status === 200
}

/** Tells the registry to forget the session; whether it does is no matter of ours. */
export async function abandonUpload(
  target: Pick<UploadTarget, 'http' | 'scopes'>,
  location: string,
  ctx: Context,
): Promise<void> {
  const { http, scopes } = target
  try {
    const response = await http.request({ method: 'DELETE', url: location, scopes, retry: false }, ctx)
    await response.discard()
  } catch {}
}
