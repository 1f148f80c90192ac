/** Work on a stream of things, several at once, without reading further ahead than that. */

/** Work under way, counted and waited for. `Promise.race` over it would leave a reaction on whatever runs longest, one for each thing that
 *  ends before it. */
export class Pool {
  readonly failures: unknown[] = []
  #running = 0
  #ending = Promise.withResolvers<void>()

  get running(): number {
    return this.#running
  }

  /** Fulfilled when the next piece of work has ended, or failed. */
  get nextEnd(): Promise<void> {
    return this.#ending.promise
  }

  add(work: Promise<void>): void {
    this.#running += 1
    void work
      .catch((error: unknown) => {
        this.failures.push(error)
      })
      .then(() => {
        const ended = this.#ending
        this.#running -= 1
        this.#ending = Promise.withResolvers()
        ended.resolve()
      })
  }

  /** Fulfilled when nothing runs any more. */
  async drained(): Promise<void> {
    while (this.#running > 0) await this.nextEnd
  }
}

/** Calls `work` for each; the first failure, also of `things`, stops taking more, waits for those under way, and is thrown. */
export async function forEachConcurrent<T>(
  things: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const pool = new Pool()
  try {
    for await (const thing of things) {
      pool.add(work(thing))
      if (pool.running >= limit) await pool.nextEnd
      if (pool.failures.length > 0) break
    }
  } finally {
    await pool.drained()
  }
  if (pool.failures.length > 0) throw pool.failures[0]
}

/** The results of `work` in the order of `things`, up to `limit` of them under way at once. However it ends, none is under way after it. */
export async function* mapConcurrent<T, R>(
  things: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (thing: T) => Promise<R>,
): AsyncIterable<R> {
  const window: Promise<R>[] = []
  try {
    for await (const thing of things) {
      const result = work(thing)
      // Thrown where it is awaited, in its turn; until then it must not count as unhandled.
      result.catch(() => {})
      window.push(result)
      const first = window.length < limit ? undefined : window.shift()
      if (first) yield await first
    }
    for (let first = window.shift(); first; first = window.shift()) yield await first
  } finally {
    await Promise.allSettled(window)
  }
}

/** All things of a stream. */
export async function gathered<T>(things: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const thing of things) all.push(thing)
  return all
}
