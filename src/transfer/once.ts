/** Work that several callers want and one of them does, by key; its success is remembered. */

/** A failure is forgotten, so that the next caller tries again. */
export class Once<T> {
  readonly #results = new Map<string, Promise<T>>()

  /** A follower whose leader failed does the work itself: the failure may be the leader's own. */
  async run(key: string, work: () => Promise<T>): Promise<T> {
    for (let known = this.#results.get(key); known; known = this.#results.get(key)) {
      try {
        return await known
      } catch {
        // The leader has told its own task; go round, and lead unless another follower was faster.
      }
    }
    const result = work()
    this.#results.set(key, result)
    result.catch(() => this.#results.delete(key))
    return result
  }

  forget(key: string): void {
    this.#results.delete(key)
  }
}
