/** Signatures and other referrers that came after their image was copied: for `--referrers all`. */

import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Referrer } from '../../core/descriptor.ts'
import { contentsOf, descriptorOf, isIndex } from '../../core/manifest.ts'
import { type KeepPlatform, wantedChildren } from '../../transfer/children.ts'

export interface Unchanged {
  /** What both sides call it; they differ where the index was narrowed. */
  readonly digest: { readonly source: string; readonly destination: string }
  readonly source: ContentStore
  readonly destination: ContentStore
  /** The children of an index that were copied; absent where all were. */
  readonly keepPlatform: KeepPlatform | undefined
}

/** True where the source has a referrer of the artifact, of its children, or of their referrers, that the destination lacks. */
export async function lacksReferrers(artifact: Unchanged, ctx: Context): Promise<boolean> {
  const { source, destination, digest } = artifact
  if (!source.referrers || !destination.referrers) return false
  const queue: Descriptor[] = await familyOf(digest.destination, artifact, ctx)
  // Nothing at the source refers to an index that was made for the destination.
  if (digest.source !== digest.destination) queue.shift()
  const seen = new Set<string>()
  for (let subject = queue.shift(); subject; subject = queue.shift()) {
    if (seen.has(subject.digest)) continue
    seen.add(subject.digest)
    const wanted = await collect(source.referrers(subject, ctx))
    if (wanted.length === 0) continue
    const there = new Set((await collect(destination.referrers(subject, ctx))).map(nameOf))
    for (const referrer of wanted) {
      // A list may name one that is gone.
      if (!there.has(nameOf(referrer)) && (await source.resolve(referrer.tag ?? referrer.digest, ctx))) return true
    }
    queue.push(...wanted)
  }
  return false
}

/** The artifact first, then what an index names. Read at the destination: there it does not use up a pull. */
async function familyOf(digest: string, artifact: Unchanged, ctx: Context): Promise<Descriptor[]> {
  const manifest = await artifact.destination.readManifest(digest, ctx)
  const family: Descriptor[] = [descriptorOf(manifest)]
  if (!isIndex(manifest.mediaType)) return family
  for (const child of wantedChildren(contentsOf(manifest).manifests, artifact.keepPlatform)) {
    if (isIndex(child.mediaType)) family.push(...(await familyOf(child.digest, artifact, ctx)))
    else family.push(child)
  }
  return family
}

function nameOf({ tag, digest }: Referrer): string {
  return tag === undefined ? digest : `${tag}@${digest}`
}

async function collect(referrers: AsyncIterable<Referrer>): Promise<readonly Referrer[]> {
  const collected: Referrer[] = []
  for await (const referrer of referrers) collected.push(referrer)
  return collected
}
