/** The tags of one repository that hang on a digest: signatures, attestations, the index of its referrers. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { attachmentSubject, cutDigest, fallbackTag } from '../../core/reference.ts'

/** What cosign hangs on an image. */
const USUAL_SUFFIXES = ['sig', 'att', 'sbom']
/** For so many subjects the usual tags are asked for one by one; a list of all tags is sooner read for more. A cache lists only what was
 *  pulled through it, so that asking by name also finds more. */
const FEW_SUBJECTS = 16

/** Remembers what one list of all tags has shown. */
export class Attachments {
  readonly #list: (ctx: Context) => AsyncIterable<string>
  #known: Map<Digest, Set<string>> | undefined
  #listing: Promise<void> | undefined
  #subjects = 0

  /** `list` gives all tags, which it passes through `watch`. */
  constructor(list: (ctx: Context) => AsyncIterable<string>) {
    this.#list = list
  }

  /** Passes `tags` on; once they have come to their end, nothing need be asked for that is not among them. */
  async *watch(tags: AsyncIterable<string>): AsyncIterable<string> {
    const found = new Map<Digest, Set<string>>()
    for await (const tag of tags) {
      enter(found, tag)
      yield tag
    }
    this.#known = found
  }

  /** Tags that may hang on `subject`: those that were listed, else those that are usual. */
  async of(subject: Digest, ctx: Context): Promise<readonly string[]> {
    if (!this.#known) {
      this.#subjects += 1
      if (this.#subjects > FEW_SUBJECTS) await this.#listOnce(ctx)
    }
    if (this.#known) return [...(this.#known.get(cutDigest(subject)) ?? [])]
    const tag = fallbackTag(subject)
    return [...USUAL_SUFFIXES.map((suffix) => `${tag}.${suffix}`), tag]
  }

  written(tag: string): void {
    if (this.#known) enter(this.#known, tag)
  }

  deleted(tag: string): void {
    const subject = attachmentSubject(tag)
    if (subject) this.#known?.get(subject)?.delete(tag)
  }

  /** Where the tags cannot be listed it is not tried again. */
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
