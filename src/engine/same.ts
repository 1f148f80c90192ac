/** Whether two sides have the same artifact, where one of them knows artifacts by their content and not by their manifests. */

import type { ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/descriptor.ts'
import { contentsOf, isSchema1 } from '../core/manifest.ts'
import type { ContentNames } from '../history/content-names.ts'
import { readTagged } from './endpoint.ts'

/** What one side's tag points at. */
export interface Pointed {
  readonly store: ContentStore
  readonly digest: Digest
  readonly tag?: string | undefined
}

/** The manifest of the side that keeps manifests is read once, and its name remembered in `names`. */
export async function isSame(a: Pointed, b: Pointed, names: ContentNames | undefined, ctx: Context): Promise<boolean> {
  if (a.digest === b.digest) return true
  if ((a.store.nameOf === undefined) === (b.store.nameOf === undefined)) return false
  const [named, kept] = a.store.nameOf ? [a, b] : [b, a]
  const known = names?.find(kept.digest)
  if (known !== undefined) return known === named.digest
  const manifest = await readTagged(kept.store, kept.digest, kept.tag, ctx)
  const name = isSchema1(manifest.mediaType) ? undefined : named.store.nameOf?.(manifest)
  if (name !== undefined) names?.keep(kept.digest, name)
  return name === named.digest
}

/** True where `a` has a part that `b` lacks, although both have the same name: a signature of the content that came later. */
export async function lacksParts(a: Pointed, b: Pointed, ctx: Context): Promise<boolean> {
  const [wanted, there] = await Promise.all([a, b].map(({ store, digest, tag }) => readTagged(store, digest, tag, ctx)))
  if (!wanted || !there) return false
  const known = new Set(contentsOf(there).blobs.map(({ digest }) => digest))
  const { blobs, config } = contentsOf(wanted)
  return blobs.some(({ digest }) => digest !== config?.digest && !known.has(digest))
}
