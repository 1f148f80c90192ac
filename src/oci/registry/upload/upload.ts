/** Uploads a blob: opens a session, sends the bytes the way the registry likes, and goes on where an upload broke off. */

import { throwIfAborted } from '../../../core/cancel.ts'
import type { Checkpoint, OpenBlob } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import { type Descriptor, digestParts, parseDigest, shortDigest } from '../../../core/descriptor.ts'
import { IntegrityError, messageOf, RegistryError } from '../../../core/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../../core/http.ts'
import { delayAfter, isPassing } from '../../../core/retry.ts'
import { hasBlob } from '../blobs.ts'
import { doing } from '../restate.ts'
import { laneOf, partSize, shrink, type UploadTarget } from './facts.ts'
import { HeldParts } from './held-parts.ts'
import { BlobParts } from './parts.ts'
import {
  abandonUpload,
  begun,
  leftBehind,
  locationOf,
  named,
  openSession,
  recover,
  stateOf,
  type Upload,
  type UploadSession,
} from './session.ts'

const EMPTY = new Uint8Array(0)
/** How long a chunk that is under way may take to arrive after the run was stopped, in milliseconds. */
const LAST_CHUNK = 3000

/** Where a blob's upload may go on. */
export interface UploadStart {
  /** One that the registry has just opened. */
  readonly session?: UploadSession | undefined
  /** Knows one that an earlier process has left, and is told of this one. What is saved is its Location. */
  readonly checkpoint?: Checkpoint | undefined
}

const FORGETFUL: Checkpoint = { load: () => undefined, save: () => {}, clear: () => {} }

/** Writes `blob`. Throws what `open`'s stream threw, or why the registry refused. */
export async function uploadBlob(
  given: UploadTarget,
  blob: Descriptor,
  open: OpenBlob,
  { session, checkpoint = FORGETFUL }: UploadStart,
  ctx: Context,
): Promise<void> {
  const source = new BlobParts(blob, open, ctx.signal)
  const left = await leftBehind(given, blob, checkpoint, ctx)
  // What was lost once, because the registry forgets an upload whose request breaks off, is not to be lost again.
  const held = given.facts.held || left.forgotten || left.held
  const facts = held ? { ...given.facts, held } : given.facts
  let target: UploadTarget = { ...given, facts, http: continuing(given.http, source) }
  let { upload } = left
  if (upload && session) await abandonUpload(target, session.location, ctx)
  else upload ??= session && begun(session)
  // A small blob is read while its session is opened: one wait less for each of very many.
  const isSmall = blob.size > 0 && laneOf(blob.size) === 'small' && facts.strategy === 'put' && !held && !left.upload
  let whole = isSmall ? source.readWhole(0, blob.size) : undefined
  // Awaited where it is sent; until then nobody may miss its failure.
  whole?.catch(() => {})
  let furthest = upload?.confirmed ?? 0
  let failures = 0
  try {
    for (;;) {
      upload ??= begun(await openSession(target, `${target.path}/blobs/uploads/`, target.scopes, ctx))
      checkpoint.save(stateOf(target, upload), upload.confirmed)
      try {
        await send(target, blob, source, upload, checkpoint, ctx, whole)
        checkpoint.clear()
        return
      } catch (caught) {
        // What was read ahead for this attempt is not what the next one sends, and nobody waits for a stream that no one reads.
        source.close()
        const failure = source.takeFailure()
        const error = failure ?? caught
        if (failure !== undefined) whole = undefined
        if (error instanceof IntegrityError) {
          await abandonUpload(target, upload.location, ctx)
          checkpoint.clear()
        }
        if (ctx.signal.aborted) throw error
        // What the stream failed with says nothing of the session: a 404 of the source is final.
        const gone = failure === undefined && isGone(error, upload)
        const tooLarge = failure === undefined && isStatus(error, 413)
        const outOfRange = failure === undefined && isStatus(error, 416)
        if (!tooLarge || !shrink(target, upload.part, upload.minimum)) {
          failures += 1
          const again = gone || outOfRange || isPassing(error)
          if (!again || failures >= target.retry.attempts) {
            // A session that was refused for good cannot be resumed; after any other failure it can.
            if (failure === undefined && error instanceof RegistryError && !error.retryable) checkpoint.clear()
            throw error
          }
          await pause(target, blob, error, failures, ctx)
        }
        // What it had confirmed before is refuted by a refusal of the range that follows.
        const known = outOfRange ? { ...upload, confirmed: 0 } : upload
        let next = gone ? undefined : await recover(target, known, source.sent, ctx)
        if (outOfRange && next?.confirmed === upload.confirmed) {
          // It refuses just what it says comes next, and would again: this blob must arrive without a break.
          await abandonUpload(target, next.location, ctx)
          target = { ...target, facts: { ...target.facts, status: 'none' } }
          next = undefined
        }
        // It may be stored, and only the answer was lost.
        if (!next && source.sent >= blob.size && (await hasBlob(placeOf(target), blob, ctx))) {
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

/** Requests for a blob of which a stream is open: they must not wait for others that wait for the source. */
function continuing(http: HttpClient, source: BlobParts): HttpClient {
  return { ...http, request: (request, ctx) => http.request({ ...request, bypassQueue: source.isOpen }, ctx) }
}

async function send(
  target: UploadTarget,
  blob: Descriptor,
  source: BlobParts,
  upload: Upload,
  checkpoint: Checkpoint,
  ctx: Context,
  atHand: Promise<Uint8Array> | undefined,
): Promise<void> {
  const { size } = blob
  const whole = !upload.resumed && upload.confirmed === 0 && partSize(target, 0, size, upload.minimum) === size
  if (whole && (target.facts.strategy !== 'patch' || size === 0)) {
    upload.part = size
    // Nothing is streamed of an empty blob, but its stream may still say that it is none.
    if (size === 0) await source.expectEmpty()
    const stream = { size, open: async () => source.read(0, size) }
    const body = size === 0 ? EMPTY : ((await atHand) ?? stream)
    return commit(target, blob, upload, body, ctx)
  }
  await (whole || !target.facts.held ? sendStreamed : sendHeld)(target, size, source, upload, checkpoint, ctx)
  upload.part = 0
  return commit(target, blob, upload, EMPTY, ctx)
}

/** Each part as it comes from the source. */
async function sendStreamed(
  target: UploadTarget,
  size: number,
  source: BlobParts,
  upload: Upload,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<void> {
  while (upload.confirmed < size) {
    const start = upload.confirmed
    const length = partSize(target, start, size, upload.minimum)
    const body = { size: length, open: async () => source.read(start, length) }
    const range = target.facts.strategy === 'patch' && length === size ? {} : rangeHeader(start, length)
    await sendPart(target, upload, body, length, range, checkpoint, ctx)
  }
}

/** Each part from memory: what is under way when the run is stopped still arrives, and the registry keeps what it has. */
async function sendHeld(
  target: UploadTarget,
  size: number,
  source: BlobParts,
  upload: Upload,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<void> {
  const parts = new HeldParts(source, size)
  const late = lagging(ctx.signal, LAST_CHUNK)
  try {
    while (upload.confirmed < size) {
      const start = upload.confirmed
      const body = await parts.take(start, partSize(target, start, size, upload.minimum))
      throwIfAborted(ctx.signal)
      const range = rangeHeader(start, body.byteLength)
      await sendPart(target, upload, body, body.byteLength, range, checkpoint, { ...ctx, signal: late.signal })
    }
    throwIfAborted(ctx.signal)
  } finally {
    late.end()
  }
}

async function sendPart(
  target: UploadTarget,
  upload: Upload,
  body: NonNullable<HttpRequest['body']>,
  length: number,
  headers: Readonly<Record<string, string>>,
  checkpoint: Checkpoint,
  ctx: Context,
): Promise<void> {
  upload.part = length
  const response = await sendBody(target, 'PATCH', upload.location, body, headers, ctx, laneOf(length))
  upload.location = locationOf(target.http, response) ?? upload.location
  upload.confirmed += length
  checkpoint.save(stateOf(target, upload), upload.confirmed)
}

/** A signal that fires `delay` milliseconds after another. */
function lagging(signal: AbortSignal, delay: number): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => controller.abort(signal.reason), delay)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}

function rangeHeader(start: number, size: number): Readonly<Record<string, string>> {
  return { 'content-range': `${start}-${start + size - 1}` }
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
  kind: 'small' | 'blob',
): Promise<HttpResponse> {
  const type = { 'content-type': 'application/octet-stream' }
  const { scopes } = target
  // Not repeated below: after a failure the registry must first be asked what it holds.
  const request = { method, url, scopes, body, kind, retry: false, headers: { ...type, ...headers } } as const
  const response = await doing(`upload a blob to ${target.path.slice('/v2/'.length)}`, named(target.http, request, ctx))
  await response.discard()
  return response
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
  const delay = delayAfter(error, attempt, Math.random)
  ctx.emit({ type: 'retry', what: `upload of ${shortDigest(blob.digest)}`, attempt, delay, reason: messageOf(error) })
  await target.retry.wait(delay, ctx.signal)
}

function placeOf({ http, path }: UploadTarget) {
  return { http, path, name: path.slice('/v2/'.length) }
}
