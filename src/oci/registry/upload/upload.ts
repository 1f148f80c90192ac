/** Uploads a blob: opens a session, sends the bytes the way the registry wants them, and resumes where an upload broke off. */

import { abortReason, throwIfAborted } from '../../../core/cancel.ts'
import type { Checkpoint, OpenBlob } from '../../../core/content.ts'
import type { Context } from '../../../core/context.ts'
import { type Descriptor, digestParts, parseDigest, shortDigest } from '../../../core/descriptor.ts'
import { IntegrityError, messageOf, PausedError, RegistryError } from '../../../core/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../../core/http.ts'
import { delayAfter, isPassing } from '../../../core/retry.ts'
import { hasBlob } from '../blobs.ts'
import { doing } from '../restate.ts'
import { laneOf, partSize, shrink, type UploadTarget } from './facts.ts'
import { HeldParts, pausable } from './held-parts.ts'
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
/** How long a chunk under way may still take to arrive after the run was stopped, in milliseconds. */
const LAST_CHUNK = 3000
/** How long a stopped run waits for the registry to say what it keeps, in milliseconds. */
const LAST_ANSWER = 1500

/** What an upload can begin with. */
export interface UploadStart {
  /** A session that the registry has just opened. */
  readonly session?: UploadSession | undefined
  /** Loads the session that an earlier process has left, and saves this one. What is saved is its Location. */
  readonly checkpoint?: Checkpoint | undefined
}

const FORGETFUL: Checkpoint = { load: () => undefined, save: () => {}, clear: () => {} }

/** Writes `blob`. Throws what the stream of `open` threw, or the registry's refusal. */
export async function uploadBlob(
  given: UploadTarget,
  blob: Descriptor,
  open: OpenBlob,
  { session, checkpoint = FORGETFUL }: UploadStart,
  ctx: Context,
): Promise<void> {
  const source = new BlobParts(blob, open, ctx.signal)
  const left = await leftBehind(given, blob, checkpoint, ctx)
  // A blob that was lost because the registry drops broken uploads is sent in chunks from memory this time.
  const held = given.facts.held || left.forgotten || left.held
  const facts = held ? { ...given.facts, held } : given.facts
  let target: UploadTarget = { ...given, facts, http: continuing(given.http, source) }
  let { upload } = left
  if (upload && session) await abandonUpload(target, session.location, ctx)
  else upload ??= session && begun(session)
  // A small blob is read while its session is opened, which saves a round trip for each of very many.
  const isSmall = blob.size > 0 && laneOf(blob.size) === 'small' && facts.strategy === 'put' && !held && !left.upload
  let whole = isSmall ? source.readWhole(0, blob.size) : undefined
  // Awaited when it is sent; until then its failure must not count as unhandled.
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
        // Nothing that this attempt has opened or read ahead may reach the next one.
        source.close()
        const failure = source.takeFailure()
        const error = failure ?? caught
        if (failure !== undefined) whole = undefined
        if (error instanceof IntegrityError) {
          await abandonUpload(target, upload.location, ctx)
          checkpoint.clear()
        }
        if (ctx.signal.aborted) {
          if (!(error instanceof IntegrityError || abortReason(ctx.signal) instanceof PausedError))
            await noteKept(target, upload, source.sent, checkpoint)
          throw error
        }
        // A failure of the stream says nothing about the session: a 404 of the source is final.
        const gone = failure === undefined && isGone(error, upload)
        const tooLarge = failure === undefined && isStatus(error, 413)
        const outOfRange = failure === undefined && isStatus(error, 416)
        if (!tooLarge || !shrink(target, upload.part, upload.minimum)) {
          // A server that ends an idle upload in a pause has not refused anything.
          if (!ctx.gate?.closed) failures += 1
          const again = gone || outOfRange || isPassing(error)
          if (!again || failures >= target.retry.attempts) {
            // A session that was refused for good cannot be resumed; after any other failure it can.
            if (failure === undefined && error instanceof RegistryError && !error.retryable) checkpoint.clear()
            throw error
          }
          await pause(target, blob, error, failures, ctx)
        }
        // By refusing the range that follows, the registry takes back what it had confirmed.
        const known = outOfRange ? { ...upload, confirmed: 0 } : upload
        let next = gone ? undefined : await recover(target, known, source.sent, ctx)
        if (outOfRange && next?.confirmed === upload.confirmed) {
          // It refuses the very range that it says comes next, and would again. From here on this blob has to arrive without a break.
          await abandonUpload(target, next.location, ctx)
          target = { ...target, facts: { ...target.facts, status: 'none' } }
          next = undefined
        }
        // The blob may be stored, and only the answer was lost.
        if (!next && source.sent >= blob.size && (await hasBlob(placeOf(target), blob, ctx))) {
          checkpoint.clear()
          return
        }
        // A refused range brought nothing: if the registry has more now, that is the end of an earlier request.
        if (next && (outOfRange ? upload : next).confirmed > furthest) failures = 0
        furthest = Math.max(furthest, next?.confirmed ?? 0)
        upload = next
      }
    }
  } finally {
    source.close()
  }
}

/** Tells the checkpoint how much the registry keeps of an upload that was stopped: of this attempt's bytes, those that it has written by now. */
async function noteKept(target: UploadTarget, upload: Upload, sent: number, checkpoint: Checkpoint): Promise<void> {
  if ((await checkpoint.load()) === undefined) return
  const ctx: Context = { signal: AbortSignal.timeout(LAST_ANSWER), emit: () => {} }
  try {
    const kept = await recover(target, upload, sent, ctx)
    checkpoint.save(stateOf(target, kept ?? upload), kept?.confirmed ?? 0)
  } catch {
    // What is known is what it has confirmed.
  }
}

/** Requests made while a stream of the source is open: they must not queue behind requests that wait for the source. */
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
    // An empty blob has nothing to stream, but its stream may show that the blob is not empty.
    if (size === 0) await source.expectEmpty()
    const stream = { size, open: async () => source.read(0, size) }
    const body = size === 0 ? EMPTY : ((await atHand) ?? stream)
    return commit(target, blob, upload, body, ctx)
  }
  await (whole || !target.facts.held ? sendStreamed : sendHeld)(target, size, source, upload, checkpoint, ctx)
  upload.part = 0
  return commit(target, blob, upload, EMPTY, ctx)
}

/** Sends each part as it comes from the source. */
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

/** Sends each part from memory: a part that is under way when the run is stopped still arrives, and the registry keeps the upload. */
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
      const sending = { ...ctx, signal: late.signal }
      await sendPart(target, upload, pausable(body, sending), body.byteLength, range, checkpoint, sending)
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
  // The HTTP client must not repeat it: after a failure the registry has to be asked first what it holds.
  const request = { method, url, scopes, body, kind, retry: false, headers: { ...type, ...headers } } as const
  const response = await doing(`upload a blob to ${target.path.slice('/v2/'.length)}`, named(target.http, request, ctx))
  await response.discard()
  return response
}

/** True if the session is useless: forgotten, or resumed with bytes that were not this blob's. */
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
