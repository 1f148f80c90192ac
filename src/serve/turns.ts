/** Lets only some work run at once; the rest waits in order. */

export interface Turns {
  /** What waits when `signal` is aborted is not begun any more: undefined. */
  take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T | undefined>
}

export function createTurns(atOnce: number): Turns {
  let free = atOnce
  const waiting: (() => void)[] = []
  return {
    async take(work, signal) {
      if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      else free -= 1
      try {
        return signal.aborted ? undefined : await work()
      } finally {
        const next = waiting.shift()
        if (next) next()
        else free += 1
      }
    },
  }
}
