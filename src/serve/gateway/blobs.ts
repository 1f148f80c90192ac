/** Blobs that manifests name, remembered, so that a client may ask for one by its digest; and what the destination says of them. */

import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import type { Absences } from './absences.ts'
import { Bounded } from './bounded.ts'
import type { Pulled } from './policy/narrowed.ts'
import { type Place, placeKey } from './policy/targets.ts'
import { slim } from './slim.ts'

export interface NamedBlob {
  readonly blob: Descriptor
  /** What a client pulled that names it; only its repository where the destination had that already. */
  readonly pulled: Pulled
}

export interface Blobs {
  /** `pulled`: a client pulls what names it. */
  remember(place: Place, blob: Descriptor, pulled?: Pulled): void
  named(place: Place, digest: Digest): NamedBlob | undefined
  /** What the destination has; undefined where it has not. */
  there(place: Place, digest: Digest, ctx: Context): Promise<Descriptor | undefined>
}

/** Blobs that are remembered. */
const MOST = 50_000

export function createBlobs(absent: Absences<Descriptor | undefined>): Blobs {
  const known = new Bounded<string, NamedBlob>(MOST)
  const at = (place: Place, digest: Digest): string => `${placeKey(place)}@${digest}`
  return {
    remember(place, blob, pulled) {
      const key = at(place, blob.digest)
      const before = known.get(key)
      known.set(key, { blob: slim(blob), pulled: pulled ?? before?.pulled ?? { repository: place.repository } })
    },
    named: (place, digest) => known.get(at(place, digest)),
    there: (place, digest, ctx) =>
      absent.find(place, digest, () => blobThere(place, known.get(at(place, digest))?.blob, digest, ctx)),
  }
}

async function blobThere(
  { to }: Place,
  known: Descriptor | undefined,
  digest: Digest,
  ctx: Context,
): Promise<Descriptor | undefined> {
  try {
    if (known) return (await to.hasBlob(known, ctx)) ? known : undefined
    const size = await to.sizeOfBlob?.(digest, ctx)
    return size === undefined ? undefined : { mediaType: 'application/octet-stream', digest, size }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
