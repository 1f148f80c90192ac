/** One blob to one repository, moved at most once: shared, known, mounted, asked for, and only then streamed. */

import { SMALL_BLOB } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { isForeign } from '../core/manifest.ts'
import { ifAllowed } from './allowed.ts'
import { audienceOf, blobKey, type Found, type Job } from './job.ts'
import { sendBlob } from './send.ts'
import { namedBlob, tell } from './story.ts'

/** Resolves when the blob is in the destination repository. Safe to call any number of times, also at once. */
export async function copyBlob(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  if (isForeign(blob) && !job.foreignLayers) {
    ctx.emit({ type: 'log', level: 'debug', text: `left out foreign layer ${blob.digest}` })
    return
  }
  const { state, destination } = job
  const audience = audienceOf(state, destination)
  let mine = false
  const there = state.blobs.run(blobKey(blob, job.destination), () => {
    mine = true
    return bring(blob, job, ctx)
  })
  // Tell the siblings that this task will not stream the blob before waiting for the task that does. Otherwise that task waits for us and
  // we for it: two tags of one digest are siblings.
  if (!mine) state.siblings.declineBlob(job.artifact, blob, job.member)
  try {
    await there
    if (mine) audience?.arrived(blob)
  } catch (error) {
    if (mine) audience?.failed(blob, error)
    throw error
  } finally {
    state.siblings.declineBlob(job.artifact, blob, job.member)
  }
  if (mine) return
  job.moved.bytes_present += blob.size
  tell(`${namedBlob(blob)} came with another task`, ctx)
}

async function bring(blob: Descriptor, job: Job, ctx: Context): Promise<void> {
  const { state, destination } = job
  const homeKey = `${destination.registry} ${blob.digest}`
  const home = state.homes.get(homeKey)
  // No repository is asked for the blob twice.
  const asked = new Set([destination.repository])
  if (home) {
    // The task that brings it to its home may be waiting for this one's answer.
    state.siblings.declineBlob(job.artifact, blob, job.member)
    const isHome = await home.ready.then(
      () => true,
      () => false,
    )
    if (isHome && (await mounted(blob, home.repository, asked, job, ctx))) return
  }
  const alone: Found = { waited: false }
  const arrival =
    state.others?.alone(
      blob,
      { registry: destination.registry, repository: destination.repository },
      ctx,
      () => state.siblings.declineBlob(job.artifact, blob, job.member),
      (held, found) => arrive(blob, asked, found, job, held),
    ) ?? arrive(blob, asked, alone, job, ctx)
  if (!home) {
    // From now on other repositories of this registry wait for this one and mount the blob from it.
    state.homes.set(homeKey, { repository: destination.repository, ready: arrival })
    arrival.catch(() => state.homes.delete(homeKey))
  }
  await arrival
}

async function mounted(
  blob: Descriptor,
  repository: string,
  asked: Set<string>,
  job: Job,
  ctx: Context,
): Promise<boolean> {
  const { destination, moved } = job
  if (!destination.store.mountBlob || asked.has(repository)) return false
  asked.add(repository)
  if (!(await destination.store.mountBlob(blob, repository, ctx))) return false
  moved.bytes_mounted += blob.size
  tell(`mounted ${namedBlob(blob)} from ${repository}`, ctx)
  ctx.emit({ type: 'blob-ended', id: '', outcome: 'mounted', size: blob.size })
  return true
}

async function arrive(
  blob: Descriptor,
  asked: Set<string>,
  { waited, home }: Found,
  job: Job,
  ctx: Context,
): Promise<void> {
  const { state, source, destination, moved } = job
  const isDamaged = job.damaged?.has(blob.digest) ?? false
  const mayBeThere = !job.newRepository || waited || home !== undefined
  if (mayBeThere && !isDamaged && (await ifAllowed(destination.store.hasBlob(blob, ctx)))) {
    moved.bytes_present += blob.size
    tell(`${namedBlob(blob)} was already there`, ctx)
    ctx.emit({ type: 'blob-ended', id: '', outcome: 'present', size: blob.size })
    return
  }
  // A hint is worth a mount, which costs no more requests than the upload that it becomes where it is refused.
  const hints = blob.size > SMALL_BLOB ? state.hints : undefined
  if (!isDamaged) {
    const isSameRegistry = source.registry === destination.registry
    const hint = hints?.homeOf(destination.registry, blob.digest)
    if (home !== undefined && (await mounted(blob, home, asked, job, ctx))) return
    if (isSameRegistry && (await mounted(blob, source.repository, asked, job, ctx))) return
    if (hint !== undefined && (await mounted(blob, hint, asked, job, ctx))) return
  }
  const key = blobKey(blob, job.destination)
  if (!state.announced.delete(key)) ctx.emit({ type: 'planned', tasks: 0, bytes: blob.size })
  try {
    await sendBlob(blob, job, ctx)
  } catch (error) {
    // The next attempt does not make the total grow.
    state.announced.add(key)
    throw error
  }
  hints?.remember(destination.registry, destination.repository, blob.digest)
}
