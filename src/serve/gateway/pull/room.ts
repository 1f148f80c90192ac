/** A bounded number of bytes that many share. */

export class Room {
  readonly #most: number
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Less than half of it is free. */
  get isScarce(): boolean {
    return this.#taken > this.#most / 2
  }

  /** False where so many bytes are not free. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.#most) return false
    this.#taken += bytes
    return true
  }

  give(bytes: number): void {
    this.#taken -= bytes
  }
}
