/** What events tell as deleted, and what of it the destination loses: only what the source, asked again, has no more. */

import { forEachConcurrent, mapConcurrent } from '../../../core/concurrent.ts'
import type { Context } from '../../../core/context.ts'
import type { Digest } from '../../../core/descriptor.ts'
import { UnsupportedError } from '../../../core/errors.ts'
import type { TaskSpec } from '../../../core/plan.ts'
import { isAttachmentTag } from '../../../core/reference.ts'
import { tagsOf } from '../../run/remove.ts'
import {
  type Deletes,
  deletesIn,
  isOurs,
  type Mirrored,
  type MirrorRequest,
  refusal,
  undecided,
  unresolvedTags,
} from '../mirror.ts'
import type { Told, ToldRepository } from './told.ts'

export interface ToldDeletes extends MirrorRequest {
  readonly told: Told
}

const REPOSITORIES_AT_ONCE = 8
const TAGS_AT_ONCE = 32
/** Tags of a destination that are looked at to find those of a digest. */
const MOST_LOOKED_AT = 1000

/** The deletes; blocked tasks for what cannot or must not be deleted, so that the copies of the same run go on. */
export async function planToldDeletes(request: ToldDeletes, ctx: Context): Promise<Deletes> {
  const { policy, selection, told, destination } = request
  const isTold = [...told.values()].some(({ deleted }) => deleted.all || deleted.tags.size + deleted.digests.size > 0)
  if (policy.deletion === 'never' || !isTold) return { tasks: [] }
  if (selection.digest !== undefined || policy.destination.tag !== undefined) return { tasks: [] }
  try {
    if (!destination.adapter.repository('any').deleteTag) {
      throw new UnsupportedError(`${destination.type.name} cannot delete`, { hint: 'set `deletion: never`' })
    }
    return { tasks: await tasksOf(request, ctx) }
  } catch (error) {
    return { tasks: [undecided(error, request)] }
  }
}

async function tasksOf(request: ToldDeletes, ctx: Context): Promise<readonly TaskSpec[]> {
  const { policy, repositories, destination, brought } = request
  const tasks: TaskSpec[] = []
  let tags = 0
  await forEachConcurrent(repositories, REPOSITORIES_AT_ONCE, async ([mapped, sources]) => {
    const store = destination.adapter.repository(mapped)
    const told = sources.flatMap((repository) => request.told.get(repository) ?? [])
    if (told.every(({ deleted }) => !deleted.all && deleted.tags.size + deleted.digests.size === 0)) return
    const there = await tagsOf(store, ctx)
    tags += there.length
    const place: Mirrored = { mapped, sources, store, there, wanted: [] }
    const wanted = new Set<string>()
    for (const { deleted } of told) for (const tag of await wantedOf(deleted, place, request, ctx)) wanted.add(tag)
    const gone = await unresolvedTags([...wanted], place, request, ctx)
    for (const task of await deletesIn(place, gone, request, ctx)) tasks.push(task)
  })
  // Each was told by name, so that the default limit, which is there for mistakes, would only be in the way.
  if (policy.max_deletions === undefined) return tasks
  const all = Math.max(tags, brought?.count(policy.name, destination.registry.name) ?? 0)
  const deletes = tasks.filter(({ action }) => action === 'delete')
  const refused = refusal(deletes, all, policy)
  return refused ? [...tasks.filter(({ action }) => action !== 'delete'), undecided(refused, request)] : tasks
}

/** The tags of the destination that the events are about, as far as the policy selects them. */
async function wantedOf(
  { tags, digests, tagged: tagDigests, all }: ToldRepository['deleted'],
  place: Mirrored,
  request: ToldDeletes,
  ctx: Context,
): Promise<readonly string[]> {
  const { policy, selection, brought, destination } = request
  const { mapped, there } = place
  const at = { registry: destination.registry.name, repository: mapped }
  const wanted = new Set(tags)
  if (all) {
    // Another source may have put its own into the same repository, which only a mirror takes for its own.
    const own = policy.deletion === 'mirror' ? there : (brought?.tags(policy.name, at) ?? [])
    for (const tag of own) wanted.add(tag)
  }
  for (const digest of digests) {
    const known = brought?.tags(policy.name, at, digest) ?? []
    for (const tag of known.length > 0 ? known : await tagged(digest, place, request, ctx)) wanted.add(tag)
  }
  for (const digest of tagDigests) {
    for (const tag of brought?.tags(policy.name, at, digest) ?? []) wanted.add(tag)
  }
  const isThere = new Set(there)
  return [...wanted].filter((tag) => {
    if (!isThere.has(tag) || !selection.tag(tag).kept || !isOurs(mapped, tag, request)) return false
    // It goes with its image, unless the policy has copied it by itself.
    return !isAttachmentTag(tag) || brought?.find(policy.name, { ...at, tag }) !== undefined
  })
}

/** The tags of a digest that the policy has not put there itself. */
async function tagged(
  digest: Digest,
  { store, there }: Mirrored,
  { policy, selection }: ToldDeletes,
  ctx: Context,
): Promise<readonly string[]> {
  if (policy.deletion === 'owned') return []
  const wanted = there.filter((tag) => !isAttachmentTag(tag) && selection.tag(tag).kept)
  if (wanted.length > MOST_LOOKED_AT) {
    const text = `${wanted.length} tags may be ${digest}, which the source has deleted: only ${MOST_LOOKED_AT} are looked at`
    ctx.emit({ type: 'log', level: 'warning', text })
  }
  const found: string[] = []
  for await (const tag of mapConcurrent(wanted.slice(0, MOST_LOOKED_AT), TAGS_AT_ONCE, async (name) =>
    (await store.resolve(name, ctx))?.digest === digest ? name : undefined,
  )) {
    if (tag !== undefined) found.push(tag)
  }
  return found
}
