/** One blob to one repository, moved at most once: shared, known, mounted, asked for, and only then streamed. */

import { SMALL_BLOB } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { isForeign } from '../core/manifest.ts'
import type { Home, Job } from './job.ts'
import { sendBlob } from './send.ts'

/** Resolves when the blob is in the destination repository. Safe to call any number of times, also at once. */
export async function copyBlob(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  if (isForeign(blob) && !job.foreignLayers) {
    ctx.emit({ type: 'log', level: 'debug', text: `left out foreign layer ${blob.digest}` })
    return
  }
  const { state, destination } = job
  const key = `${destination.registry} ${destination.repository} ${blob.digest}`
  let mine = false
  const there = state.blobs.run(key, () => {
    mine = true
    return bring(blob, job, ctx)
  })
  // Whoever brings it must not wait for one who waits for it: two tags of one digest are each other's siblings, too.
  if (!mine) state.siblings.pass(job.artifact, blob, job)
  try {
    await there
  } finally {
    state.siblings.pass(job.artifact, blob, job)
  }
  if (!mine) job.moved.bytes_present += blob.size
}

async function bring(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, destination } = job
  const homeKey = `${destination.registry} ${blob.digest}`
  const home = state.homes.get(homeKey)
  if (home) {
    // The one who brings it there may be waiting for this task's answer.
    state.siblings.pass(job.artifact, blob, job)
    if (await mounted(blob, home, job, ctx)) return
  }
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
  if (!(await destination.store.mountBlob(blob, home.repository, ctx))) return false
  moved.bytes_mounted += blob.size
  ctx.emit({ type: 'blob-ended', id: '', outcome: 'mounted', size: blob.size })
  return true
}

async function arrive(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, source, destination, moved } = job
  const isDamaged = job.damaged?.has(blob.digest) ?? false
  if (!job.newRepository && !isDamaged && (await destination.store.hasBlob(blob, ctx))) {
    moved.bytes_present += blob.size
    ctx.emit({ type: 'blob-ended', id: '', outcome: 'present', size: blob.size })
    return
  }
  if (source.registry === destination.registry && destination.store.mountBlob && !isDamaged) {
    const home = { repository: source.repository, ready: Promise.resolve() }
    if (await mounted(blob, home, job, ctx)) {
      return
    }
  }
  // A hint is worth a mount, which costs no more requests than the upload that it becomes where it is refused.
  const hints = blob.size > SMALL_BLOB ? state.hints : undefined
  const hinted = isDamaged ? undefined : hints?.homeOf(destination.registry, blob.digest)
  if (hinted !== undefined && (await mounted(blob, { repository: hinted, ready: Promise.resolve() }, job, ctx))) return
  await sendBlob(blob, job, ctx)
  hints?.remember(destination.registry, destination.repository, blob.digest)
}
