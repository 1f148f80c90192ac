/** What came to refer to something that was copied before: a push of a signature is an event of its own, with no tag that a policy selects. */

import { mapConcurrent } from '../../../core/concurrent.ts'
import type { Context } from '../../../core/context.ts'
import type { Digest } from '../../../core/descriptor.ts'
import { isNotFound } from '../../../core/errors.ts'
import { contentsOf } from '../../../core/manifest.ts'
import { attachmentSubject } from '../../../core/reference.ts'
import { type Comparison, type Outcome, unchanged } from '../outcome.ts'
import { UNKNOWN, unplanned } from '../pair.ts'
import type { ToldRepository } from './told.ts'

/** Subjects and manifests looked at at once; the hosts' own limits decide how many requests that is. */
const AT_ONCE = 32

/** A task for each artifact that the destination has and that has referrers which it lacks. What is copied only now brings its own. */
export async function* compareSubjects(
  told: ToldRepository,
  repository: string,
  mapped: string,
  comparison: Comparison,
  ctx: Context,
): AsyncIterable<Outcome> {
  if (comparison.policy.referrers === false) return
  const subjects = new Set(told.tags === 'all' ? [] : [...told.tags].flatMap((tag) => attachmentSubject(tag) ?? []))
  const failed: Outcome[] = []
  for await (const subject of mapConcurrent(told.digests, AT_ONCE, async (digest) => {
    try {
      return await subjectOf(digest, repository, comparison, ctx)
    } catch (error) {
      failed.push(unplanned({ repository, digest }, { repository: mapped }, error, blocking(comparison)))
      return undefined
    }
  })) {
    if (subject) subjects.add(subject)
  }
  yield* failed
  for await (const outcome of mapConcurrent(subjects, AT_ONCE, (subject) =>
    compareSubject(subject, repository, mapped, comparison, ctx),
  )) {
    if (outcome?.kind === 'task') yield outcome
  }
}

/** What a manifest refers to. It is kept for the transfer, which may need it as a child of an index. */
async function subjectOf(
  digest: Digest,
  repository: string,
  { source, memory, pulls }: Comparison,
  ctx: Context,
): Promise<Digest | undefined> {
  const store = source.adapter.repository(repository)
  if (store.nameOf || (pulls && !(await pulls.mayRead(repository, digest, ctx)))) return undefined
  const kept = memory.peek(repository, digest)
  try {
    const manifest = kept ?? (await store.readManifest(digest, ctx))
    memory.keep(repository, manifest)
    return contentsOf(manifest).subject?.digest
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function compareSubject(
  digest: Digest,
  repository: string,
  mapped: string,
  comparison: Comparison,
  ctx: Context,
): Promise<Outcome | undefined> {
  const { source, destination } = comparison
  const [from, to] = [{ repository }, { repository: mapped }]
  try {
    const there = await destination.adapter.repository(mapped).resolve(digest, ctx)
    const here = there && (await source.adapter.repository(repository).resolve(digest, ctx))
    if (!here) return undefined
    return await unchanged(here, from, to, there.digest, UNKNOWN, { ...comparison, lateReferrers: true }, ctx)
  } catch (error) {
    return unplanned({ ...from, digest }, to, error, blocking(comparison))
  }
}

/** Compared again when its turn comes, it might be copied itself. */
function blocking(comparison: Comparison): Comparison {
  return { ...comparison, attempt: 'only' }
}
