/** Blobs that manifests name, remembered, so that a client may ask for one by its digest; and what the destination says of them. */

import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { IntegrityError, isNotFound } from '../../core/errors.ts'
import type { Absences } from './absences.ts'
import { Bounded } from './bounded.ts'
import type { Part } from './http/range.ts'
import type { Pulled } from './policy/narrowed.ts'
import { inPlace, type Place, placeKey } from './policy/targets.ts'
import { slim } from './slim.ts'

export interface NamedBlob {
  readonly blob: Descriptor
  /** What a client pulled that names it; only its repository where the destination had that already. */
  readonly pulled: Pulled
}

/** A blob that the destination has. */
export interface BlobThere {
  readonly blob: Descriptor
  /** Its bytes from where they are wanted on, which were asked for to learn that it is there: to be read to the end, or returned. */
  readonly chunks?: AsyncIterator<Uint8Array>
}

export interface Blobs {
  /** `pulled`: a client pulls what names it. */
  remember(place: Place, blob: Descriptor, pulled?: Pulled): void
  named(place: Place, digest: Digest): NamedBlob | undefined
  /** What the destination has; undefined where it has not. */
  there(place: Place, digest: Digest, ctx: Context): Promise<BlobThere | undefined>
  /** The same for a client that reads it, with one request where a manifest has told its size. */
  open(place: Place, digest: Digest, reader: Reader, ctx: Context): Promise<BlobThere | undefined>
}

export interface Reader {
  /** Which part is wanted of so many bytes; undefined where none is. */
  readonly part: (size: number) => Part | undefined
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal
}

/** Blobs that are remembered. */
const MOST = 50_000

export function createBlobs(absent: Absences<BlobThere | undefined>): Blobs {
  const known = new Bounded<string, NamedBlob>(MOST)
  const at = (place: Place, digest: Digest): string => `${placeKey(place)}@${digest}`

  function there(place: Place, digest: Digest, ctx: Context): Promise<BlobThere | undefined> {
    return absent.find(place, digest, () => blobThere(place, known.get(at(place, digest))?.blob, digest, ctx))
  }

  return {
    remember(place, blob, pulled) {
      const key = at(place, blob.digest)
      const before = known.get(key)
      known.set(key, { blob: slim(blob), pulled: pulled ?? before?.pulled ?? { repository: place.repository } })
    },
    named: (place, digest) => known.get(at(place, digest)),
    there,
    async open(place, digest, { part, signal }, ctx) {
      const blob = known.get(at(place, digest))?.blob
      const wanted = blob && part(blob.size)
      if (!blob || !wanted) return there(place, digest, ctx)
      const own = { ...ctx, signal: AbortSignal.any([ctx.signal, signal]) }
      return absent.findAlone(place, digest, () => opened(place, blob, wanted, own))
    },
  }
}

async function sizeThere({ to }: Place, digest: Digest, ctx: Context): Promise<number | undefined> {
  return to.sizeOfBlob?.(digest, ctx)
}

async function blobThere(
  place: Place,
  known: Descriptor | undefined,
  digest: Digest,
  ctx: Context,
): Promise<BlobThere | undefined> {
  const { to } = place
  try {
    if (known) return (await inPlace(place, to.hasBlob(known, ctx), ctx)) ? { blob: known } : undefined
    const size = await inPlace(place, sizeThere(place, digest, ctx), ctx)
    return size === undefined ? undefined : { blob: { mediaType: 'application/octet-stream', digest, size } }
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function opened(place: Place, blob: Descriptor, part: Part, ctx: Context): Promise<BlobThere | undefined> {
  try {
    return await inPlace(place, begun(place, blob, part, ctx), ctx)
  } catch (error) {
    // One of another size is not the blob.
    if (isNotFound(error) || error instanceof IntegrityError) return undefined
    throw error
  }
}

async function begun({ to }: Place, blob: Descriptor, { first, end }: Part, ctx: Context): Promise<BlobThere> {
  const chunks = (await to.readBlob(blob, first, ctx, end))[Symbol.asyncIterator]()
  // Some stores look only now.
  return { blob, chunks: begunWith(await chunks.next(), chunks) }
}

function begunWith(first: IteratorResult<Uint8Array>, rest: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> {
  let next: IteratorResult<Uint8Array> | undefined = first
  return {
    async next() {
      const result = next ?? (await rest.next())
      next = undefined
      return result
    },
    return: async () => (await rest.return?.()) ?? { done: true, value: undefined },
  }
}
