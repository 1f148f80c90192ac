/** One blob to one repository, moved at most once: shared, known, mounted, asked for, and only then streamed. */

import { SMALL_BLOB } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { isForeign } from '../core/manifest.ts'
import type { WantedBlob } from '../core/others.ts'
import { ifAllowed } from './allowed.ts'
import { audienceOf, blobKey, type Job } from './job.ts'
import { type Beside, sendBlob } from './send.ts'
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
  if (home && destination.store.mountBlob && !job.damaged?.has(blob.digest)) {
    // The task that brings it to its home may be waiting for this one's answer.
    state.siblings.declineBlob(job.artifact, blob, job.member)
    const isHome = await home.ready.then(
      () => true,
      () => false,
    )
    if (isHome && (await mounted(blob, home.repository, asked, job, ctx))) return
  }
  const arrival = arrive(blob, asked, job, ctx)
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

/** Once no other process brings it. */
async function arrive(blob: Descriptor, asked: Set<string>, job: Job, ctx: Context): Promise<void> {
  const { others, siblings } = job.state
  const { registry, repository, store } = job.destination
  let wanted: WantedBlob = { blob, registry, repository, alone: !store.mountBlob }
  for (let waited = false; ; waited = true) {
    const home = await others?.homeOf(wanted)
    if (await alreadyThere(blob, asked, { waited, home }, job, ctx)) return
    // What others bring to repositories from which it cannot be mounted is not waited for.
    const isUseless = home !== undefined && !wanted.alone
    if (isUseless) wanted = { ...wanted, alone: true }
    if (await send(blob, { home: isUseless ? undefined : home, alone: wanted.alone }, job, ctx)) return
    siblings.declineBlob(job.artifact, blob, job.member)
    if (!waited && blob.size > SMALL_BLOB) {
      ctx.emit({ type: 'waiting', reason: `${namedBlob(blob)} is already on its way to ${registry}` })
    }
    await others?.ended(wanted, ctx)
  }
}

interface Found {
  /** Another process brought the blob meanwhile, or tried to. */
  readonly waited: boolean
  /** The repository that a process of this run brought it to. */
  readonly home: string | undefined
}

/** Nothing is taken for what it is said to be where the blob is damaged. */
async function alreadyThere(
  blob: Descriptor,
  asked: Set<string>,
  found: Found,
  job: Job,
  ctx: Context,
): Promise<boolean> {
  if (job.damaged?.has(blob.digest) || !(await isThere(blob, asked, found, job, ctx))) return false
  if (job.state.announced.delete(blobKey(blob, job.destination))) {
    ctx.emit({ type: 'planned', tasks: 0, bytes: -blob.size })
  }
  return true
}

/** False where another process brings it. */
async function send(blob: Descriptor, beside: Beside, job: Job, ctx: Context): Promise<boolean> {
  const { state, destination } = job
  const { announced, hints } = state
  const key = blobKey(blob, destination)
  if (!announced.delete(key)) ctx.emit({ type: 'planned', tasks: 0, bytes: blob.size })
  let isSent = false
  try {
    isSent = await sendBlob(blob, beside, job, ctx)
  } finally {
    // The next attempt does not make the total grow.
    if (!isSent) announced.add(key)
  }
  if (isSent && blob.size > SMALL_BLOB) hints?.remember(destination.registry, destination.repository, blob.digest)
  return isSent
}

/** It is, or could be mounted from somewhere. */
async function isThere(
  blob: Descriptor,
  asked: Set<string>,
  { waited, home }: Found,
  job: Job,
  ctx: Context,
): Promise<boolean> {
  const { state, source, destination, moved } = job
  const mayBeThere = !job.newRepository || waited || home !== undefined
  if (mayBeThere && (await ifAllowed(destination.store.hasBlob(blob, ctx)))) {
    moved.bytes_present += blob.size
    tell(`${namedBlob(blob)} was already there`, ctx)
    ctx.emit({ type: 'blob-ended', id: '', outcome: 'present', size: blob.size })
    return true
  }
  const isSameRegistry = source.registry === destination.registry
  // A hint is worth a mount, which costs no more requests than the upload that it becomes where it is refused.
  const hint = blob.size > SMALL_BLOB ? state.hints?.homeOf(destination.registry, blob.digest) : undefined
  for (const repository of [home, isSameRegistry ? source.repository : undefined, hint]) {
    if (repository !== undefined && (await mounted(blob, repository, asked, job, ctx))) return true
  }
  return false
}
