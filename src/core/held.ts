/** Bytes in memory that is used again once their reader is through with them. */

export interface Held {
  /** Not to be changed. */
  readonly bytes: Uint8Array
  /** Called once, after which the bytes must not be looked at. `reusable` is false where something may still read them, such as a write to a
   *  connection that was broken off: then their memory is left alone. */
  release(reusable: boolean): void
}
