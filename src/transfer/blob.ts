/** One blob to one repository, moved at most once: shared, known, mounted, asked for, and only then streamed. */

import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { onSide } from '../core/errors.ts'
import { isForeign } from '../core/manifest.ts'
import { type Home, type Job, SMALL_BLOB } from './job.ts'
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
  if (!job.newRepository && (await onDestination(job, () => destination.store.hasBlob(blob, ctx)))) {
    moved.bytes_present += blob.size
    ctx.emit({ type: 'blob-ended', id: '', outcome: 'present', size: blob.size })
    return
  }
  if (source.registry === destination.registry && destination.store.mountBlob) {
    const home = { repository: source.repository, ready: Promise.resolve() }
    if (await mounted(blob, home, job, ctx)) return
  }
  const slots = blob.size <= SMALL_BLOB ? state.small : state.large
  await slots.use(job, ctx.signal, () => stream(blob, job, ctx))
}

let lastStream = 0

async function stream(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, source, destination, moved } = job
  lastStream += 1
  const id = String(lastStream)
  ctx.emit({ type: 'blob-started', id, digest: blob.digest, size: blob.size, name: job.name })
  const hash = new BlobHash(blob)
  const mayRetry = state.mayRetry(ctx.signal, ctx.emit)
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
  try {
    await onDestination(job, () =>
      destination.store.writeBlob(
        blob,
        async (offset) => {
          passed = offset
          return checked(resumable(read, offset, blob.size, mayRetry), offset, hash, options)
        },
        ctx,
      ),
    )
  } catch (error) {
    ctx.emit({ type: 'blob-ended', id, outcome: 'failed', size: blob.size })
    throw error
  }
  moved.bytes_copied += blob.size
  ctx.emit({ type: 'blob-ended', id, outcome: 'copied', size: blob.size })
}

/** What goes wrong here is said of the destination, unless the source was named already. */
async function onDestination<T>(job: Job, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw onSide(error, 'destination', job.destination.registry)
  }
}
