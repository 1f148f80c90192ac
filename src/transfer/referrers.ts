/** What refers to an artifact, and what refers to that: each asked for once, several at once, and no more than is plausible. */

import { mapConcurrent } from '../core/concurrent.ts'
import type { ContentSource } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Descriptor, Referrer } from '../core/descriptor.ts'
import { IntegrityError } from '../core/errors.ts'

/** Referrers of one artifact, those of its children and of its referrers included. */
const MAX_REFERRERS = 10_000
/** A referrer of a referrer is at depth 2. */
const MAX_DEPTH = 8
/** Subjects asked about at once. */
const AT_ONCE = 16

/** What refers to one subject directly. */
export interface Attached {
  readonly subject: Descriptor
  /** 1 for what refers to the artifact itself. */
  readonly depth: number
  readonly referrers: readonly Referrer[]
}

/** A subject with its referrers, for every subject that has some: nearer ones before those further away, each digest once. */
export async function* referrersOf(
  subjects: readonly Descriptor[],
  source: Pick<ContentSource, 'referrers' | 'hanging'>,
  ctx: Context,
): AsyncIterable<Attached> {
  const [root] = subjects
  if (!source.referrers || !root) return
  source.hanging?.expect(root.digest, subjects.length)
  const asked = new Set<string>()
  let left = MAX_REFERRERS
  let level = subjects
  for (let depth = 1; level.length > 0; depth += 1) {
    const fresh = level.filter(({ digest }) => !asked.has(digest) && asked.add(digest))
    const found: Referrer[] = []
    const listed = mapConcurrent(fresh, AT_ONCE, async (subject) => ({
      subject,
      depth,
      referrers: await collect(source.referrers?.(subject, ctx), left),
    }))
    for await (const attached of listed) {
      if (attached.referrers.length === 0) continue
      left -= attached.referrers.length
      if (left < 0) throw implausible(`more than ${MAX_REFERRERS} manifests refer to it`)
      if (depth > MAX_DEPTH) throw implausible(`referrers refer to each other more than ${MAX_DEPTH} deep`)
      yield attached
      for (const referrer of attached.referrers) found.push(referrer)
    }
    level = found
  }
}

/** Tells apart what is one manifest under two names: by digest, and under a tag of its own. */
export function nameOf({ tag, digest }: Referrer): string {
  return tag === undefined ? digest : `${tag}@${digest}`
}

/** Tells whether a destination has a referrer of `subject`. What it lists may lack a tag: where its tags were not listed, only the usual ones are
 *  asked for. */
export async function presenceOf(
  subject: Descriptor,
  destination: Pick<ContentSource, 'referrers' | 'resolve'>,
  ctx: Context,
): Promise<(referrer: Referrer) => Promise<boolean>> {
  const there = new Set((await collect(destination.referrers?.(subject, ctx))).map(nameOf))
  return async (referrer) => {
    if (there.has(nameOf(referrer))) return true
    const { tag, digest } = referrer
    return tag !== undefined && (await destination.resolve(tag, ctx))?.digest === digest
  }
}

/** One more than `most` at most, so that too many are noticed. */
export async function collect(
  referrers: AsyncIterable<Referrer> | undefined,
  most = MAX_REFERRERS,
): Promise<readonly Referrer[]> {
  const collected: Referrer[] = []
  if (!referrers) return collected
  for await (const referrer of referrers) {
    collected.push(referrer)
    if (collected.length > most) break
  }
  return collected
}

function implausible(what: string): IntegrityError {
  return new IntegrityError(what, { hint: '`referrers: false` copies it without them' })
}
