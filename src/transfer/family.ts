/** The manifests that an artifact is made of, within what is plausible: one image of a stranger must not keep the program busy. */

import { gathered, mapConcurrent } from '../core/concurrent.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { IntegrityError } from '../core/errors.ts'
import { contentsOf, descriptorOf, isIndex, type Manifest } from '../core/manifest.ts'
import { type Wanted, wantedChildren } from './children.ts'

/** Indexes may nest this deep. */
const MAX_DEPTH = 16
/** Manifests of one artifact. */
const MAX_MANIFESTS = 10_000
/** Bytes of the indexes of one artifact, all of which are in memory at once. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024
/** Indexes read at once. */
const AT_ONCE = 16

export type ReadManifest = (digest: string) => Promise<Manifest>

/** Throws where an index at this depth is nested too deep. */
export function checkDepth(depth: number, digest: string): void {
  if (depth > MAX_DEPTH) throw new IntegrityError(`indexes nest deeper than ${MAX_DEPTH} at ${digest}`)
}

/** Reads the indexes of one artifact: each once, and in sum no more than is plausible. */
export function indexReader(read: ReadManifest): ReadManifest {
  const known = new Map<string, Promise<Manifest>>()
  let bytes = 0
  const bounded = async (digest: string): Promise<Manifest> => {
    if (known.size >= MAX_MANIFESTS) throw tooMany()
    const index = await read(digest)
    bytes += index.bytes.byteLength
    if (bytes > MAX_INDEX_BYTES)
      throw new IntegrityError(`the indexes of one artifact take more than ${MAX_INDEX_BYTES} bytes`)
    return index
  }
  return (digest) => {
    const before = known.get(digest)
    if (before) return before
    const reading = bounded(digest)
    known.set(digest, reading)
    // A failure is forgotten: a further attempt reads it again.
    reading.catch(() => known.delete(digest))
    return reading
  }
}

/** What the manifest names and is wanted, each digest once. */
export function childrenOf(manifest: Manifest, wanted: Wanted | undefined): readonly Descriptor[] {
  const children = wantedChildren(contentsOf(manifest).manifests, wanted)
  return [...new Map(children.map((child) => [child.digest, child])).values()]
}

/** The artifact's own descriptor first, then its wanted children and theirs, each digest once. Only indexes are read. */
export async function familyOf(
  root: Manifest,
  wanted: Wanted | undefined,
  read: ReadManifest,
): Promise<readonly Descriptor[]> {
  const family = new Map<string, Descriptor>([[root.digest, descriptorOf(root)]])
  let level: readonly Manifest[] = isIndex(root.mediaType) ? [root] : []
  for (let depth = 1; level.length > 0; depth += 1) {
    const nested: string[] = []
    for (const child of level.flatMap((index) => childrenOf(index, wanted))) {
      if (family.has(child.digest)) continue
      family.set(child.digest, child)
      if (family.size > MAX_MANIFESTS) throw tooMany()
      if (!isIndex(child.mediaType)) continue
      checkDepth(depth, child.digest)
      nested.push(child.digest)
    }
    level = await gathered(mapConcurrent(nested, AT_ONCE, read))
  }
  return [...family.values()]
}

function tooMany(): IntegrityError {
  return new IntegrityError(`one artifact is made of more than ${MAX_MANIFESTS} manifests`)
}
