/** Sends one blob as one stream from source to destination, resumed where either side broke off, and shared with sibling tasks. */

import type { Listener } from '../core/audience.ts'
import { throwIfAborted } from '../core/cancel.ts'
import { withPass } from '../core/carrier.ts'
import { type Bytes, SMALL_BLOB } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { IntegrityError, onSide, RegistryError } from '../core/errors.ts'
import { Ahead, overheard } from './ahead.ts'
import { Arrival } from './arrival.ts'
import { audienceOf, type Job, REMEMBERED_BLOB } from './job.ts'
import { acrossPauses, keeping, lettingGo } from './pauses.ts'
import { resumable } from './resumable.ts'
import type { Leader, Share } from './siblings.ts'
import { namedBlob, tell } from './story.ts'
import { BlobHash, checked } from './stream.ts'
import type { Throttle } from './throttle.ts'

/** What is known of others that may bring the blob. */
export interface Beside {
  /** Where one of them has brought it. */
  readonly home: string | undefined
  /** It cannot be mounted from there. */
  readonly alone: boolean
}

/** Waits for a slot, and for siblings that need the same blob; then streams it. False where another process brings it, or has brought it to another
 *  home than this one. */
export async function sendBlob(blob: Descriptor, beside: Beside, job: Job, ctx: Context): Promise<boolean> {
  const { state, destination, member } = job
  const isSmall = blob.size <= SMALL_BLOB
  const urgent = await turn(blob, job, ctx)
  const leader: Leader = {
    open: async () => reading(blob, 0, new BlobHash(blob, isHashed(job)), [], () => {}, job, ctx),
    isHeld: () => ctx.gate?.closed ?? false,
    holdSlot: (isShared, work) =>
      state.slots(isShared ? undefined : destination.registry, isSmall).use(
        member,
        ctx.signal,
        async () => {
          await ctx.gate?.pass(ctx.signal)
          await work()
        },
        urgent,
      ),
  }
  let isSent = false
  const send = async (share?: Share): Promise<void> => {
    isSent = await streamAlone(blob, beside, share, job, ctx)
  }
  // Reading a small blob again is quicker than waiting for the siblings.
  if (isSmall) await leader.holdSlot(false, send)
  else await state.siblings.share(job.artifact, blob, member, leader, send)
  return isSent
}

/** Only now other processes are kept from bringing it: one that waits for a slot would hold them all up. */
async function streamAlone(
  blob: Descriptor,
  { home, alone }: Beside,
  share: Share | undefined,
  job: Job,
  ctx: Context,
): Promise<boolean> {
  const { others } = job.state
  const work = (held: Context): Promise<void> => {
    const { signal } = held
    return stream(blob, share, job, share ? { ...held, signal: AbortSignal.any([signal, share.leftBehind]) } : held)
  }
  if (!others) {
    await work(ctx)
    return true
  }
  const { registry, repository } = job.destination
  const isSent = await others.bring({ blob, registry, repository, alone }, home, ctx, work)
  if (!isSent) share?.leave()
  return isSent
}

/** Waits until clients wait for this blob, or for none. The result is aborted once they wait for it. */
async function turn(blob: Descriptor, { state, destination }: Job, ctx: Context): Promise<AbortSignal | undefined> {
  const audience = audienceOf(state, destination)
  if (!audience) return undefined
  const wanted = audience.wanted(blob.digest)
  // The reason of the run comes before that of a client.
  await audience.calm(AbortSignal.any([ctx.signal, wanted])).catch(() => throwIfAborted(ctx.signal))
  return wanted
}

let lastStream = 0

async function stream(blob: Descriptor, share: Share | undefined, job: Job, ctx: Context): Promise<void> {
  lastStream += 1
  const id = String(lastStream)
  ctx.emit({ type: 'blob-started', id, digest: blob.digest, size: blob.size, name: job.name })
  try {
    const listener = audienceOf(job.state, job.destination)?.listener(blob)
    // A shared stream stays in this thread: each sibling writes from it. So does one that clients hear.
    const carriers = !share && !listener && isCostly(job) ? job.state.carriers : undefined
    const one = { blob, id, share, listener }
    if (carriers) await carriers.share(blob.size, (carrier) => writeOrTell(one, job, { ...ctx, carrier }))
    else await writeOrTell(one, job, ctx)
  } catch (error) {
    ctx.emit({ type: 'blob-ended', id, outcome: 'failed', size: blob.size })
    throw error
  }
  tell(`copied ${namedBlob(blob)}`, ctx)
  ctx.emit({ type: 'blob-ended', id, outcome: 'copied', size: blob.size })
}

/** Writes the blob. If nothing is hashed on the way and the destination refuses the digest, the blob is sent once more and hashed, to learn
 *  which side damaged it. */
async function writeOrTell(one: Sending, job: Job, ctx: Context): Promise<void> {
  const { blob, listener } = one
  const hashed = listener !== undefined || (isHashed(job) && job.destination.store.checksDigest !== true)
  try {
    return await write(one, new BlobHash(blob, hashed, ctx.carrier), job, ctx)
  } catch (error) {
    if (hashed || ctx.signal.aborted || !isWrongDigest(error)) throw error
    ctx.emit({ type: 'log', level: 'warning', text: `${blob.digest} was refused, sending it again hashed` })
    return write({ ...one, share: undefined }, new BlobHash(blob, true, ctx.carrier), job, ctx)
  }
}

interface Sending {
  readonly blob: Descriptor
  /** Of its events. */
  readonly id: string
  readonly share: Share | undefined
  readonly listener: Listener | undefined
}

/** What clients hear is hashed even if the policy leaves that to the destination. */
function isHashed({ unhashed, state }: Job): boolean {
  return !unhashed || state.audience !== undefined
}

function isWrongDigest(error: unknown): boolean {
  if (error instanceof IntegrityError) return error.side === 'destination'
  return error instanceof RegistryError && error.codes.includes('DIGEST_INVALID')
}

async function write({ blob, id, share, listener }: Sending, hash: BlobHash, job: Job, ctx: Context): Promise<void> {
  const { state, destination } = job
  const arrival = new Arrival(id, blob, job, ctx)
  const progress = (bytes: number): void => arrival.pass(bytes)
  let shared = share
  const own = throttlesOf(destination.throttle)
  const lost: Lost = {}
  const ahead =
    listener && !share && blob.size > SMALL_BLOB
      ? new Ahead(blob.size, listener, async (offset, signal) =>
          reading(
            blob,
            offset,
            hash,
            [],
            () => {},
            job,
            { ...ctx, signal: AbortSignal.any([ctx.signal, signal]) },
            lost,
          ),
        )
      : undefined
  const open = async (offset: number, given?: AbortSignal): Promise<Bytes> => {
    arrival.begin(offset)
    // The siblings' stream can be read from its beginning only; a member that needs another part reads it alone.
    const first = shared
    shared = undefined
    const together = offset === 0 ? first?.read() : undefined
    if (together) return overheard(metered(together, own, progress, ctx), offset, listener, hash)
    first?.leave()
    // The source has failed for good (its own retries are used up), so a further attempt of the upload must not open it again.
    if (lost.error !== undefined) throw lost.error
    if (ahead) return metered(ahead.from(offset, given ?? ctx.signal), own, progress, ctx)
    const bytes = reading(blob, offset, hash, own, progress, job, given ? { ...ctx, signal: given } : ctx, lost)
    return overheard(bytes, offset, listener)
  }
  const remembered = blob.size >= REMEMBERED_BLOB
  const checkpoint = keeping(
    remembered ? state.checkpoint?.(destination.registry, destination.repository, blob.digest) : undefined,
  )
  const onLetGo = (): void => {
    arrival.letGo()
    share?.leave()
  }
  if (ahead && (await checkpoint.load()) === undefined) ahead.start()
  try {
    await acrossPauses(
      () => destination.store.writeBlob(blob, open, lettingGo(destination, 'writing', blob, ctx), checkpoint),
      ctx,
      onLetGo,
    )
  } catch (error) {
    // A file keeps what it has got; an upload that is not remembered cannot be found again.
    arrival.fail(remembered || !destination.wire ? checkpoint.offset : 0)
    throw error
  } finally {
    await ahead?.end()
    hash.end()
  }
  arrival.end()
}

/** Why the source was given up. */
interface Lost {
  error?: unknown
}

/** The source's bytes from `offset` on: reopened where they break off, hashed, and refused where they are wrong. Whatever fails here is the
 *  source's fault, though the destination's upload is what notices. */
function reading(
  blob: Descriptor,
  offset: number,
  hash: BlobHash,
  throttles: readonly Throttle[],
  progress: (bytes: number) => void,
  job: Job,
  ctx: Context,
  lost: Lost = {},
): Bytes {
  const { state, source } = job
  const read = (from: number): Promise<Bytes> =>
    source.store.readBlob(blob, from, lettingGo(source, 'reading', blob, ctx))
  const resumed = async (): Promise<void> => ctx.gate?.pass(ctx.signal)
  const bytes = checked(resumable(read, offset, blob.size, state.mayRetry(ctx), resumed), offset, hash, {
    blob,
    throttles: [...state.throttles, ...throttlesOf(source.throttle), ...throttles],
    signal: ctx.signal,
    gate: ctx.gate,
    progress,
  })
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes
    } catch (error) {
      const sided = onSide(error, 'source', source.registry)
      // What a stream failed with that was given up says nothing of the next one.
      if (!ctx.signal.aborted) lost.error = sided
      throw sided
    }
  }
  return withPass(chunks(), async (order) => (await bytes.pass?.(order)) ?? 0)
}

async function* metered(
  bytes: Bytes,
  throttles: readonly Throttle[],
  progress: (bytes: number) => void,
  { signal, gate }: Context,
): Bytes {
  for await (const chunk of bytes) {
    for (const throttle of throttles) await throttle.take(chunk.byteLength, signal)
    if (gate?.closed) await gate.pass(signal)
    progress(chunk.byteLength)
    yield chunk
  }
}

/** Whether other threads are worth what they cost: bytes from network to network, hashed or encrypted on their way. */
function isCostly({ unhashed, source, destination }: Job): boolean {
  if (!source.wire || !destination.wire) return false
  return !unhashed || source.wire === 'tls' || destination.wire === 'tls'
}

function throttlesOf(throttle: Throttle | undefined): readonly Throttle[] {
  return throttle ? [throttle] : []
}
