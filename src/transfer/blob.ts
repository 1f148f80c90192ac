/** One blob to one repository, moved at most once: shared, known, mounted, asked for, and only then streamed. */

import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { IntegrityError, onSide, RegistryError } from '../core/errors.ts'
import { isForeign } from '../core/manifest.ts'
import { formatBytes } from '../core/size.ts'
import { type Home, type Job, REMEMBERED_BLOB, SMALL_BLOB } from './job.ts'
import { resumable } from './resumable.ts'
import { BlobHash, checked } from './stream.ts'

/** Resolves when the blob is in the destination repository. Safe to call any number of times, also at once. */
export async function copyBlob(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  if (isForeign(blob) && !job.foreignLayers) {
    ctx.emit({ type: 'log', level: 'debug', text: `left out foreign layer ${blob.digest}` })
    return
  }
  const { state, destination } = job
  const key = `${destination.registry} ${destination.repository} ${blob.digest}`
  let mine = false
  await state.blobs.run(key, () => {
    mine = true
    return bring(blob, job, ctx)
  })
  if (!mine) job.moved.bytes_present += blob.size
}

async function bring(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, destination } = job
  const homeKey = `${destination.registry} ${blob.digest}`
  const home = state.homes.get(homeKey)
  if (home && (await mounted(blob, home, job, ctx))) return
  const arrival = arrive(blob, job, ctx)
  if (!home) {
    // From now on others of this registry wait for this one and mount it.
    state.homes.set(homeKey, { repository: destination.repository, ready: arrival })
    arrival.catch(() => state.homes.delete(homeKey))
  }
  await arrival
}

async function mounted(blob: Descriptor, home: Home, job: Job, ctx: Context): Promise<boolean> {
  const { destination, moved } = job
  if (!destination.store.mountBlob || home.repository === destination.repository) return false
  try {
    await home.ready
  } catch {
    return false
  }
  const done = await onDestination(
    job,
    () => destination.store.mountBlob?.(blob, home.repository, ctx) ?? Promise.resolve(false),
  )
  if (!done) return false
  moved.bytes_mounted += blob.size
  ctx.emit({ type: 'blob-ended', id: '', outcome: 'mounted', size: blob.size })
  return true
}

async function arrive(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, source, destination, moved } = job
  const isDamaged = job.damaged?.has(blob.digest) ?? false
  if (!job.newRepository && !isDamaged && (await onDestination(job, () => destination.store.hasBlob(blob, ctx)))) {
    moved.bytes_present += blob.size
    ctx.emit({ type: 'blob-ended', id: '', outcome: 'present', size: blob.size })
    return
  }
  if (source.registry === destination.registry && destination.store.mountBlob && !isDamaged) {
    const home = { repository: source.repository, ready: Promise.resolve() }
    if (await mounted(blob, home, job, ctx)) return
  }
  const slots = blob.size <= SMALL_BLOB ? state.small : state.large
  await slots.use(job, ctx.signal, async () => {
    await state.gate?.pass(ctx.signal)
    await stream(blob, job, ctx)
  })
}

let lastStream = 0

async function stream(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  lastStream += 1
  const id = String(lastStream)
  ctx.emit({ type: 'blob-started', id, digest: blob.digest, size: blob.size, name: job.name })
  let begun: number
  try {
    begun = job.unhashed ? await writeUnhashed(blob, id, job, ctx) : await write(blob, id, new BlobHash(blob), job, ctx)
  } catch (error) {
    ctx.emit({ type: 'blob-ended', id, outcome: 'failed', size: blob.size })
    throw error
  }
  // What an earlier execution had sent was there already.
  job.moved.bytes_copied += blob.size - begun
  job.moved.bytes_present += begun
  ctx.emit({ type: 'blob-ended', id, outcome: 'copied', size: blob.size })
}

/** Leaves the digest to the destination; where that refuses it, sends the blob once more, hashed, to learn which side broke it. */
async function writeUnhashed(blob: Descriptor, id: string, job: Job, ctx: Context): Promise<number> {
  try {
    return await write(blob, id, new BlobHash(blob, false), job, ctx)
  } catch (error) {
    if (ctx.signal.aborted || !isWrongDigest(error)) throw error
    ctx.emit({ type: 'log', level: 'warning', text: `${blob.digest} was refused, sending it again hashed` })
    return write(blob, id, new BlobHash(blob), job, ctx)
  }
}

function isWrongDigest(error: unknown): boolean {
  if (error instanceof IntegrityError) return error.side === 'destination'
  return error instanceof RegistryError && error.codes.includes('DIGEST_INVALID')
}

/** Writes the blob as one stream from the source, which goes on where it, or the upload, broke off. Resolves with the offset at which
 *  the stream began. */
async function write(blob: Descriptor, id: string, hash: BlobHash, job: Job, ctx: Context): Promise<number> {
  const { state, source, destination } = job
  const mayRetry = state.mayRetry(ctx.signal, ctx.emit)
  let begun: number | undefined
  let passed = 0
  const options = {
    blob,
    source: source.registry,
    throttles: state.throttles,
    signal: ctx.signal,
    progress: (bytes: number) => {
      passed += bytes
      ctx.emit({ type: 'blob-progress', id, bytes: passed })
    },
  }
  const read = async (offset: number) => {
    try {
      return await source.store.readBlob(blob, offset, ctx)
    } catch (error) {
      throw onSide(error, 'source', source.registry)
    }
  }
  const open = async (offset: number) => {
    if (begun === undefined && offset > 0) {
      const text = `going on with ${blob.digest} at ${formatBytes(offset)} of ${formatBytes(blob.size)}, which an earlier run has sent`
      ctx.emit({ type: 'log', level: 'info', text })
    }
    // Where the registry has forgotten what it had, the stream begins anew.
    begun = Math.min(begun ?? offset, offset)
    passed = offset
    return checked(resumable(read, offset, blob.size, mayRetry), offset, hash, options)
  }
  const remembered = blob.size >= REMEMBERED_BLOB
  const checkpoint = remembered ? state.checkpoint?.(destination.repository, blob.digest) : undefined
  await onDestination(job, () => destination.store.writeBlob(blob, open, ctx, checkpoint))
  // Not opened at all: everything was there, and only its end was missing.
  return begun ?? blob.size
}

/** What goes wrong here is said of the destination, unless the source was named already. */
async function onDestination<T>(job: Job, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw onSide(error, 'destination', job.destination.registry)
  }
}
