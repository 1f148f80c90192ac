/** One delete of a mirror: the tag, what is attached to it, and the whole manifest only where the registry can't do less. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { IntegrityError, isNotFound, UnsupportedError } from '../../core/errors.ts'
import { contentsOf, isIndex } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { attachmentSubject, cutDigest, formatResource, isTag } from '../../core/reference.ts'
import type { Endpoint } from '../endpoint.ts'

/** The code of what was to be deleted, and cannot be or must not be. */
export const NOT_DELETED = 'not_deleted'
/** Tags looked at at once. */
const TAGS_AT_ONCE = 32

/** Deletes what the plan said, unless something has moved since: nothing that came after the plan is ever deleted. What is gone already is
 *  a success. False where it is kept, as the source has it again. */
export async function removeTag(
  task: TaskSpec,
  source: Endpoint,
  destination: Endpoint,
  ctx: Context,
): Promise<boolean> {
  const { tag } = task.destination
  if (tag === undefined || task.previous_digest === undefined) throw new TypeError('a delete without its tag')
  const name = formatResource(task.destination)
  if (task.source.tag !== undefined && (await isAtSource(task.source.repository, task.source.tag, source, ctx))) {
    ctx.emit({ type: 'log', level: 'info', text: `${name} is kept: the source has it again` })
    return false
  }
  const store = destination.adapter.repository(task.destination.repository)
  const { previous_digest: digest, removal } = task
  await remove(store, tag, digest, name, removal, ctx)
  return true
}

async function remove(
  store: ContentStore,
  tag: string,
  digest: Digest,
  name: string,
  removal: TaskSpec['removal'],
  ctx: Context,
): Promise<void> {
  const now = await store.resolve(tag, ctx)
  if (!now) return
  if (now.digest !== digest) {
    throw new IntegrityError(`${name} is not deleted, it has moved since the plan: was ${digest}, is ${now.digest}`, {
      hint: 'run the policy again',
    })
  }
  const whole = !(await untag(store, tag, ctx))
  const { attachments = [], together = [] } = removal ?? {}
  if (!whole && attachments.length === 0) return
  const going = new Set([tag, ...attachments, ...together])
  const needed = await neededBy(store, (other) => !going.has(other), ctx)
  if (whole) {
    if (needed.has(digest)) throw sharedManifest(name)
    await store.deleteManifest?.(digest, ctx)
  }
  if (needed.has(digest)) {
    ctx.emit({ type: 'log', level: 'info', text: `what is attached to ${digest} stays: another tag needs it` })
    return
  }
  for (const attachment of attachments) await removeAttachment(store, attachment, whole, needed, ctx)
}

/** False where the registry cannot remove just a tag. */
async function untag(store: ContentStore, tag: string, ctx: Context): Promise<boolean> {
  try {
    await store.deleteTag?.(tag, ctx)
    return true
  } catch (error) {
    if (error instanceof UnsupportedError) return false
    throw error
  }
}

async function removeAttachment(
  store: ContentStore,
  tag: string,
  whole: boolean,
  needed: ReadonlySet<Digest>,
  ctx: Context,
): Promise<void> {
  if (!whole) {
    await store.deleteTag?.(tag, ctx)
    return
  }
  const digest = (await store.resolve(tag, ctx))?.digest
  if (digest && !needed.has(digest)) await store.deleteManifest?.(digest, ctx)
}

/** The error of a registry that can only delete manifests, where something else needs this one. */
export function sharedManifest(name: string): UnsupportedError {
  return new UnsupportedError(
    `${name} is not deleted: the registry cannot remove just a tag, and other tags need its manifest`,
    { hint: 'move or delete the other tags of that manifest too, or use a registry that deletes tags' },
  )
}

/** The digests of all manifests that the chosen tags of a repository lead to, the children of indexes included. */
export async function neededBy(
  store: ContentStore,
  chosen: (tag: string) => boolean,
  ctx: Context,
): Promise<ReadonlySet<Digest>> {
  const needed = new Set<Digest>()
  const visit = async (reference: string, mediaType: string | undefined): Promise<void> => {
    if (mediaType === undefined || !isIndex(mediaType)) return
    const manifest = await store.readManifest(reference, ctx).catch((error: unknown) => {
      // A sparse index names children that are not there.
      if (isNotFound(error)) return undefined
      throw error
    })
    for (const child of manifest ? contentsOf(manifest).manifests : []) {
      if (needed.has(child.digest)) continue
      needed.add(child.digest)
      await visit(child.digest, child.mediaType)
    }
  }
  const tags = await tagsOf(store, ctx)
  for await (const _ of mapConcurrent(tags.filter(chosen), TAGS_AT_ONCE, async (tag) => {
    const descriptor = await store.resolve(tag, ctx)
    if (!descriptor || needed.has(descriptor.digest)) return
    needed.add(descriptor.digest)
    await visit(descriptor.digest, descriptor.mediaType)
  }));
  return needed
}

/** The tags among `tags` that hang on `digest`: the index of its referrers, signatures, whatever else is named after it. */
export function attachmentsOf(digest: Digest, tags: readonly string[]): readonly string[] {
  const subject = cutDigest(digest)
  return tags.filter((tag) => attachmentSubject(tag) === subject)
}

/** All tags with a valid name; none where the repository is not there. */
export async function tagsOf(store: ContentStore, ctx: Context): Promise<readonly string[]> {
  const tags: string[] = []
  try {
    for await (const tag of store.tags(ctx)) if (isTag(tag)) tags.push(tag)
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return tags
}

export async function isAtSource(repository: string, tag: string, source: Endpoint, ctx: Context): Promise<boolean> {
  return (await source.adapter.repository(repository).resolve(tag, ctx)) !== undefined
}
