/** Work on a stream of things, several at once, without reading further ahead than that. */

/** Calls `work` for each; the first failure stops taking more, waits for those under way, and is thrown. */
export async function forEachConcurrent<T>(
  things: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []
  for await (const thing of things) {
    const task: Promise<void> = work(thing)
      .catch((error: unknown) => {
        failures.push(error)
      })
      .finally(() => running.delete(task))
    running.add(task)
    if (running.size >= limit) await Promise.race(running)
    if (failures.length > 0) break
  }
  await Promise.all(running)
  if (failures.length > 0) throw failures[0]
}

/** The results of `work` in the order of `things`, up to `limit` of them under way at once. */
export async function* mapConcurrent<T, R>(
  things: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (thing: T) => Promise<R>,
): AsyncIterable<R> {
  const window: Promise<R>[] = []
  for await (const thing of things) {
    const result = work(thing)
    // Thrown where it is awaited, in its turn; until then it must not count as unhandled.
    result.catch(() => {})
    window.push(result)
    if (window.length < limit) continue
    const first = window.shift()
    if (first) yield await first
  }
  for (const result of window) yield await result
}
