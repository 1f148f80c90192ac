/** Narrowed indexes: with the children of the wanted platforms only, and all else as it was. */

import { mapConcurrent } from '../core/concurrent.ts'
import { type Descriptor, digestParts } from '../core/descriptor.ts'
import {
  computeDigest,
  contentsOf,
  descriptorFrom,
  descriptorOf,
  isIndex,
  isManifestType,
  type Manifest,
} from '../core/manifest.ts'
import { isAttestation, type Wanted, wantedChildren } from './children.ts'
import { checkDepth, indexReader, type ReadManifest } from './family.ts'

/** Attestations asked for at once. */
const AT_ONCE = 16

export interface Narrowed {
  /** The given manifest itself where nothing had to go; undefined where nothing is left. */
  readonly root: Manifest | undefined
  /** The indexes that were made, by digest: no store has them yet. */
  readonly made: ReadonlyMap<string, Manifest>
  /** Attestations that were left out because the source does not have them. */
  readonly missing: readonly Descriptor[]
}

export interface NarrowSource {
  /** A nested index by its digest; nothing else is read. */
  readonly read: ReadManifest
  readonly isThere: (attestation: Descriptor) => Promise<boolean>
}

/** The same bytes, platforms and missing attestations always give the same bytes. Each index is looked at once, however often it is named. */
export async function narrow(root: Manifest, wanted: Wanted, source: NarrowSource): Promise<Narrowed> {
  const made = new Map<string, Manifest>()
  const missing: Descriptor[] = []
  const known = new Map<string, Manifest | undefined>()
  const read = indexReader(source.read)

  async function narrowed(manifest: Manifest, depth: number): Promise<Manifest | undefined> {
    checkDepth(depth, manifest.digest)
    const children = entriesOf(manifest)
    const manifests = children.map(({ descriptor }) => descriptor).filter(({ mediaType }) => isManifestType(mediaType))
    const kept = new Set(wantedChildren(manifests, wanted))
    for await (const lacking of mapConcurrent([...kept].filter(isAttestation), AT_ONCE, async (attestation) =>
      (await source.isThere(attestation)) ? undefined : attestation,
    )) {
      if (!lacking) continue
      kept.delete(lacking)
      missing.push(lacking)
    }
    const entries: unknown[] = []
    let left = 0
    let same = true
    for (const { entry, descriptor } of children) {
      // What is not a manifest, such as a build cache's layers, belongs to no platform.
      if (!isManifestType(descriptor.mediaType)) {
        entries.push(entry)
        continue
      }
      const child = kept.has(descriptor) ? await childOf(descriptor, depth) : undefined
      if (child) {
        entries.push(child.digest === descriptor.digest ? entry : replaced(entry, child))
        left += 1
      }
      if (child?.digest !== descriptor.digest) same = false
    }
    if (same) return manifest
    if (left === 0) return undefined
    const smaller = rewritten(manifest, entries)
    made.set(smaller.digest, smaller)
    return smaller
  }

  async function childOf(child: Descriptor, depth: number): Promise<Descriptor | undefined> {
    if (!isIndex(child.mediaType)) return child
    if (!known.has(child.digest)) known.set(child.digest, await narrowed(await read(child.digest), depth + 1))
    const inner = known.get(child.digest)
    return inner && descriptorOf(inner)
  }

  return { root: isIndex(root.mediaType) ? await narrowed(root, 0) : root, made, missing }
}

interface Child {
  readonly entry: Readonly<Record<string, unknown>>
  readonly descriptor: Descriptor
}

/** Every entry as it stands in the index, unknown fields included, beside its descriptor. */
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
