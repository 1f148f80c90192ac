/** One page of a list that may come in any order: the first entries after the one that the last page ended with. */

/** What a page holds at most. */
export interface PageLimits {
  readonly entries: number
  /** Of the entries' JSON; one entry may be more. */
  readonly bytes: number
}

interface Entry<T> {
  readonly key: string
  readonly value: T
  readonly bytes: number
}

export class Page<T> {
  readonly #limits: PageLimits
  readonly #after: string | undefined
  /** In the order of their keys, each once. */
  readonly #entries: Entry<T>[] = []
  #bytes = 0
  #isCut = false

  constructor(limits: PageLimits, after: string | undefined) {
    this.#limits = limits
    this.#after = after
  }

  get values(): readonly T[] {
    return this.#entries.map(({ value }) => value)
  }

  /** The key that the next page begins after; undefined where this is the last one. */
  get next(): string | undefined {
    return this.#isCut ? this.#entries.at(-1)?.key : undefined
  }

  add(key: string, value: T, bytes: number): void {
    if (this.#after !== undefined && key <= this.#after) return
    const at = this.#placeOf(key)
    if (this.#entries[at]?.key === key) return
    this.#entries.splice(at, 0, { key, value, bytes })
    this.#bytes += bytes
    while (this.#isFull()) {
      this.#bytes -= this.#entries.pop()?.bytes ?? 0
      this.#isCut = true
    }
  }

  #isFull(): boolean {
    const { entries, bytes } = this.#limits
    return this.#entries.length > entries || (this.#bytes > bytes && this.#entries.length > 1)
  }

  #placeOf(key: string): number {
    let [low, high] = [0, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle]?.key ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
