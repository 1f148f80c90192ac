/** Whether two sides have the same content, where their digests differ: a chart is the same no matter which tool made its manifest. */

import { type ContentName, contentNameOf } from '../core/chart.ts'
import type { ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/descriptor.ts'
import { isIndex, isSchema1, type Manifest } from '../core/manifest.ts'
import type { ContentNames } from '../history/content-names.ts'
import { readTagged } from './endpoint.ts'

/** What one side's tag points at. */
export interface Pointed {
  readonly store: ContentStore
  readonly digest: Digest
  readonly tag?: string | undefined
  /** Of the manifest, where it is known. */
  readonly mediaType?: string | undefined
  /** Reads the manifest; undefined where it may not be read. Default: at the store. */
  readonly read?: ((ctx: Context) => Promise<Manifest | undefined>) | undefined
}

/** `lacking`: the same content, and the destination lacks what stands beside it at the source. */
export type Sameness = 'same' | 'lacking' | 'other'

export interface Looking {
  /** Remembers what was read; absent without a history. */
  readonly names: ContentNames | undefined
  /** Compare what stands beside the content, too. */
  readonly beside: boolean
  /** Without believing earlier runs. */
  readonly fresh: boolean
  /** What differs will be compared again, so that also what is not a chart is worth remembering. */
  readonly again: boolean
}

/** Reads each manifest of a chart once, and remembers its name. */
export async function compareContent(from: Pointed, to: Pointed, looking: Looking, ctx: Context): Promise<Sameness> {
  const isNamed = from.store.nameOf !== undefined || to.store.nameOf !== undefined
  if (from.digest === to.digest && !isNamed) return 'same'
  const mayForget = !isNamed && !looking.again
  const here = await named(from, looking, mayForget, ctx)
  // Two manifests that are not charts are the same only by their digests.
  if (!here || (!isNamed && here.name === from.digest)) return 'other'
  const there = await named(to, looking, mayForget, ctx)
  if (here.name !== there?.name) return 'other'
  if (!looking.beside) return 'same'
  const wanted = await here.beside(ctx)
  if (wanted.length === 0) return 'same'
  const present = await there.beside(ctx)
  return wanted.every((digest) => present.includes(digest)) ? 'same' : 'lacking'
}

interface Named {
  readonly name: Digest
  beside(ctx: Context): Promise<readonly Digest[]>
}

async function named(
  { store, digest, tag, mediaType = '', read }: Pointed,
  { names, fresh }: Looking,
  mayForget: boolean,
  ctx: Context,
): Promise<Named | undefined> {
  // A store that makes its manifests resolves a tag to the name itself.
  if (store.nameOf) {
    return { name: digest, beside: async (inner) => (await store.beside?.(digest, tag, fresh, inner)) ?? [] }
  }
  if (isIndex(mediaType) || isSchema1(mediaType)) return undefined
  const known = names?.find(digest)
  if (known) return remembered(known)
  const manifest = read ? await read(ctx) : await readTagged(store, digest, tag, ctx)
  if (!manifest || isSchema1(manifest.mediaType)) return undefined
  const found = contentNameOf(manifest)
  if (found.name !== digest || !mayForget) names?.keep(digest, found)
  return remembered(found)
}

function remembered({ name, beside }: ContentName): Named {
  return { name, beside: async () => beside }
}
