/** A map that forgets what was not used for longest, so that no client can fill memory. */

/** This part of all is forgotten together. */
const FORGOTTEN_AT_ONCE = 64

export class Bounded<K, V> {
  readonly #most: number
  readonly #entries = new Map<K, V>()

  constructor(most: number) {
    this.#most = most
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#most) return
    // Several at once: to find the oldest, a map passes over all that were deleted before.
    let left = 1 + Math.floor(this.#most / FORGOTTEN_AT_ONCE)
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      left -= 1
      if (left === 0) return
    }
  }

  delete(key: K): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  /** What was not used for longest comes first. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#entries[Symbol.iterator]()
  }
}
