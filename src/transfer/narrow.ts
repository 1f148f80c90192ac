/** Narrowed indexes: with the children of the wanted platforms only, and all else as it was. */

import { type Descriptor, digestParts } from '../core/descriptor.ts'
import { IntegrityError } from '../core/errors.ts'
import {
  computeDigest,
  contentsOf,
  descriptorFrom,
  descriptorOf,
  isIndex,
  isManifestType,
  type Manifest,
} from '../core/manifest.ts'
import { type KeepPlatform, wantedChildren } from './children.ts'

/** Indexes may nest this deep; deeper is taken for an attack. */
export const MAX_DEPTH = 16

export interface Narrowed {
  /** The given manifest itself where nothing had to go; undefined where nothing is left. */
  readonly root: Manifest | undefined
  /** The indexes that were made, by digest: no store has them yet. */
  readonly made: ReadonlyMap<string, Manifest>
}

/** The same bytes and platforms always give the same bytes. `read` gives nested indexes by digest; nothing else is read. */
export async function narrow(
  root: Manifest,
  keep: KeepPlatform,
  read: (digest: string) => Promise<Manifest>,
): Promise<Narrowed> {
  const made = new Map<string, Manifest>()

  async function narrowed(manifest: Manifest, depth: number): Promise<Manifest | undefined> {
    if (!isIndex(manifest.mediaType)) return manifest
    if (depth > MAX_DEPTH) throw new IntegrityError(`indexes nest deeper than ${MAX_DEPTH} at ${manifest.digest}`)
    const children = entriesOf(manifest)
    const manifests = children.map(({ descriptor }) => descriptor).filter(({ mediaType }) => isManifestType(mediaType))
    const wanted = new Set(wantedChildren(manifests, keep))
    const kept: unknown[] = []
    let left = 0
    let same = true
    for (const { entry, descriptor } of children) {
      // What is no manifest, such as a build cache's layers, belongs to no platform.
      if (!isManifestType(descriptor.mediaType)) {
        kept.push(entry)
        continue
      }
      const child = wanted.has(descriptor) ? await childOf(descriptor, depth) : undefined
      if (child) {
        kept.push(child.digest === descriptor.digest ? entry : replaced(entry, child))
        left += 1
      }
      if (child?.digest !== descriptor.digest) same = false
    }
    if (same) return manifest
    if (left === 0) return undefined
    const smaller = rewritten(manifest, kept)
    made.set(smaller.digest, smaller)
    return smaller
  }

  async function childOf(child: Descriptor, depth: number): Promise<Descriptor | undefined> {
    if (!isIndex(child.mediaType)) return child
    const inner = await narrowed(await read(child.digest), depth + 1)
    return inner && descriptorOf(inner)
  }

  return { root: await narrowed(root, 0), made }
}

interface Child {
  readonly entry: Readonly<Record<string, unknown>>
  readonly descriptor: Descriptor
}

/** Every entry as it stands in the index, also with fields nobody knows, beside what it means. */
function entriesOf(index: Manifest): readonly Child[] {
  // Refuses what is not an index of well-formed descriptors.
  contentsOf(index)
  const { manifests } = parsed(index)
  return (Array.isArray(manifests) ? manifests : []).map((entry: Readonly<Record<string, unknown>>) => ({
    entry,
    descriptor: descriptorFrom(entry, 'manifests'),
  }))
}

function rewritten(index: Manifest, manifests: readonly unknown[]): Manifest {
  // A key that is given again keeps its place.
  const bytes = Buffer.from(JSON.stringify({ ...parsed(index), manifests }))
  return { mediaType: index.mediaType, digest: computeDigest(bytes, digestParts(index.digest).algorithm), bytes }
}

/** The entry of a nested index that has become another. `data` was the old one's content. */
function replaced({ data: _, ...entry }: Child['entry'], { digest, size }: Descriptor): unknown {
  return { ...entry, digest, size }
}

function parsed(index: Manifest): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(index.bytes).toString('utf8')) as Record<string, unknown>
}
