/** The tags of one repository that hang on a digest: signatures, attestations, the index of its referrers. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { attachmentSubject, cutDigest, fallbackTag } from '../../core/reference.ts'

/** What cosign and other tools hang on an image. */
const USUAL_SUFFIXES = ['sig', 'att', 'sbom', 'vex', 'src', 'cosign']
/** For up to this many subjects the usual tags are asked for by name; above it, one list of all tags costs fewer requests for what no tag names,
 *  such as the children of an index. A pull-through cache lists only what was pulled through it, so asking by name finds more there. */
const FEW_SUBJECTS = 16

/** Knows which tags hang on a digest once all tags have been listed. */
export class Attachments {
  readonly #list: (ctx: Context) => AsyncIterable<string>
  #known: Map<Digest, Set<string>> | undefined
  /** Set if the list was asked for here; a caller that lists all tags copies what the list says. */
  #listing: Promise<void> | undefined
  readonly #named = new Set<Digest>()
  #subjects = 0
  /** The number of subjects once those are asked about that are announced. */
  #expected = 0

  /** `list` lists all tags and passes them through `watch`. */
  constructor(list: (ctx: Context) => AsyncIterable<string>) {
    this.#list = list
  }

  /** Passes `tags` on. Once the list has ended, a tag that was not in it is known to be absent. */
  async *watch(tags: AsyncIterable<string>): AsyncIterable<string> {
    const found = new Map<Digest, Set<string>>()
    for await (const tag of tags) {
      enter(found, tag)
      yield tag
    }
    this.#known = found
  }

  /** `digest` is what a tag points at. What was named without a list is asked for by name in spite of a later one. */
  named(digest: Digest): void {
    if (!this.#known || this.#listing) this.#named.add(digest)
  }

  /** So many are asked about next. Where that is worth a list, it comes before they are asked for by name; `root` is asked for by name anyway. */
  expect(root: Digest, count: number): void {
    this.named(root)
    this.#expected = Math.max(this.#expected, this.#subjects + count)
  }

  /** Tags that may hang on `subject`: the listed ones, or the usual ones if nothing was listed. */
  async of(subject: Digest, ctx: Context): Promise<readonly string[]> {
    if (!this.#known) {
      this.#subjects += 1
      if (Math.max(this.#subjects, this.#expected) > FEW_SUBJECTS) await this.#listOnce(ctx)
    }
    const listed = this.#known?.get(cutDigest(subject)) ?? []
    if (this.#known && !(this.#listing && this.#named.has(subject))) return [...listed]
    const tag = fallbackTag(subject)
    return [...new Set([...listed, ...USUAL_SUFFIXES.map((suffix) => `${tag}.${suffix}`), tag])]
  }

  /** Undefined where nobody has listed all tags for their own sake; null where more than `most` hang. */
  listed(most: number): readonly string[] | null | undefined {
    if (!this.#known || this.#listing) return undefined
    const all: string[] = []
    for (const tags of this.#known.values()) {
      all.push(...tags)
      if (all.length > most) return null
    }
    return all
  }

  /** Another process has listed all tags: these of them hang on digests. */
  learn(tags: readonly string[]): void {
    if (this.#known) return
    const found = new Map<Digest, Set<string>>()
    for (const tag of tags) enter(found, tag)
    this.#known = found
  }

  written(tag: string): void {
    if (this.#known) enter(this.#known, tag)
  }

  deleted(tag: string): void {
    const subject = attachmentSubject(tag)
    if (subject) this.#known?.get(subject)?.delete(tag)
  }

  /** Tried once: a registry that does not list its tags will not do so later. */
  async #listOnce(ctx: Context): Promise<void> {
    this.#listing ??= this.#listAll(ctx)
    await this.#listing
  }

  async #listAll(ctx: Context): Promise<void> {
    try {
      for await (const _ of this.#list(ctx));
    } catch (error) {
      if (ctx.signal.aborted) {
        this.#listing = undefined
        throw error
      }
      if (isNotFound(error)) this.#known = new Map()
    }
  }
}

function enter(known: Map<Digest, Set<string>>, tag: string): void {
  const subject = attachmentSubject(tag)
  if (!subject) return
  const tags = known.get(subject) ?? new Set()
  known.set(subject, tags.add(tag))
}
