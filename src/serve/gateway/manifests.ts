/** Manifests of destinations, kept for clients that ask for the same ones again and again. */

import type { Clock } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { contentsOf, isSchema1, type Manifest } from '../../core/manifest.ts'
import { readTagged } from '../../engine/endpoint.ts'
import { Bounded } from './bounded.ts'
import { inPlace, type Place, placeKey } from './policy/targets.ts'

export interface Manifests {
  /** Throws where the destination does not have it. `isThere`: the destination has named it just now. */
  read(place: Place, digest: Digest, tag: string | undefined, isThere?: boolean): Promise<Manifest>
  /** Undefined where the destination does not have it. */
  find(place: Place, digest: Digest): Promise<Manifest | undefined>
}

/** In sum. */
const MOST_BYTES = 64 * 1024 * 1024
/** What is made free of it at once. */
const ROOM = 1024 * 1024
/** What a manifest takes beside its bytes, at most: many small ones must not fill memory either. */
const OVERHEAD = 1024
/** Larger ones are read each time. */
const LARGEST = 1024 * 1024

interface Kept {
  readonly manifest: Manifest
  /** When the destination was known to have it. */
  at: number
}

/** `named` is told of each blob that a manifest names. */
export function createManifests(
  clock: Clock,
  ctx: Context,
  named: (place: Place, blob: Descriptor) => void,
): Manifests {
  const kept = new Bounded<string, Kept>(Number.POSITIVE_INFINITY)
  const reading = new Map<string, Promise<Manifest>>()
  let bytes = 0

  async function readAt(place: Place, digest: Digest, tag: string | undefined, isThere: boolean): Promise<Manifest> {
    const key = keyOf(place, digest)
    const known = kept.get(key)
    if (known && !isThere && clock.monotonic() - known.at < place.target.maxAge) return known.manifest
    if (known && (isThere || (await place.to.resolve(digest, ctx)))) {
      known.at = clock.monotonic()
      return known.manifest
    }
    const manifest = await readTagged(place.to, digest, tag, ctx)
    if (!isSchema1(manifest.mediaType)) for (const blob of contentsOf(manifest).blobs) named(place, blob)
    if (!known && manifest.bytes.byteLength <= LARGEST) keep(key, manifest)
    return manifest
  }

  function keep(key: string, manifest: Manifest): void {
    bytes += weightOf(manifest)
    kept.set(key, { manifest, at: clock.monotonic() })
    if (bytes <= MOST_BYTES) return
    for (const [oldest, { manifest: gone }] of kept) {
      if (bytes <= MOST_BYTES - ROOM) return
      kept.delete(oldest)
      bytes -= weightOf(gone)
    }
  }

  function read(place: Place, digest: Digest, tag: string | undefined, isThere = false): Promise<Manifest> {
    const key = keyOf(place, digest)
    const under = reading.get(key)
    if (under) return under
    const asked = readAt(place, digest, tag, isThere).finally(() => reading.delete(key))
    reading.set(key, asked)
    return asked
  }

  return {
    read,
    async find(place, digest) {
      try {
        return await inPlace(place, read(place, digest, undefined), ctx)
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
  }
}

function keyOf(place: Place, digest: Digest): string {
  return `${placeKey(place)}@${digest}`
}

function weightOf({ bytes }: Manifest): number {
  return bytes.byteLength + OVERHEAD
}
