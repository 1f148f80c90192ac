/** The seam to other threads, which carry large blobs beside this one. */

/** One blob's way through a thread with sockets of its own. Large bodies of requests whose context names it go there; all else is done
 *  here. Between its requests chunks may pass that only stand for bytes: their length is right, their content must not be looked at. */
export interface Carrier {
  createHash(algorithm: string): CarrierHash
}

/** A hash that is made in the carrier's thread, where the bytes are at hand. */
export interface CarrierHash {
  /** Reads the chunk before it becomes invalid. */
  update(chunk: Uint8Array): void
  /** Of all so far, hexadecimal; more may follow. Rejects where the thread is no more. */
  digest(): Promise<string>
  /** Call when no more is asked of it. */
  forget(): void
}

export interface Load {
  /** In bytes. */
  readonly size: number
  /** Every chunk must pass by here, as something decides when it may go on. */
  readonly throttled: boolean
}

export interface Carriers {
  /** Runs `work` for a blob with a way through the thread that has the least to do, or with undefined where this thread carries it. */
  share<T>(blob: Load, work: (carrier: Carrier | undefined) => Promise<T>): Promise<T>
}
