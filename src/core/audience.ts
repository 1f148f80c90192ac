/** Those who wait for what a run copies while it copies it: clients that pull through the gateway. */

import type { Descriptor, Digest } from './descriptor.ts'
import type { Held } from './held.ts'
import type { Manifest } from './manifest.ts'
import type { Others } from './others.ts'
import type { Location } from './plan.ts'

/** Owned by the caller that started the run. Its methods do not throw for what a client does. */
export interface Audience {
  /** The destination that they look at; of other destinations of the run they hear nothing. */
  readonly place: Pick<Location, 'registry' | 'repository'>
  /** The source's manifest, read once for the run and its audience. */
  manifest(digest: string, read: () => Promise<Manifest>): Promise<Manifest>
  /** Aborted once someone waits for the blob: it is copied at once, without waiting for a slot. */
  wanted(digest: Digest): AbortSignal
  /** Those that may bring the same blobs: they hear of those who wait. */
  readonly others: Others
  /** Resolves when no one waits for any blob. What no one waits for is copied then. */
  calm(signal: AbortSignal): Promise<void>
  /** Hears the bytes of the blob as they are read; undefined where no one listens. */
  listener(blob: Descriptor): Listener | undefined
  /** The destination has the blob. */
  arrived(blob: Descriptor): void
  /** This attempt to bring the blob has failed. */
  failed(blob: Descriptor, error: unknown): void
}

export interface Listener {
  /** The stream begins at this byte, for the first time or again. */
  begin(offset: number): void
  /** The next bytes, checked as far as they can be: the last ones come once the digest of the whole is right. The chunk is valid until the
   *  result resolves. False: it is not kept. */
  hear(chunk: Uint8Array): Promise<boolean>
  /** Bytes from `offset` on, once they were heard. Undefined where they are not kept. */
  heard(offset: number, signal: AbortSignal): Promise<Held | undefined>
}
