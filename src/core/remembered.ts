/** Answers that several tasks share: asked for once, and a failure is forgotten. */

import type { Context } from './context.ts'

export interface Remembered<K, T> {
  (key: K, ctx: Context): Promise<T>
  /** Asks anew the next time. */
  forget(key: K): void
}

/** `ask` runs once for each key until it fails; beyond `limit` keys, each time. A caller that waits for an answer while the task that asked for it is stopped asks again. */
export function remembered<K, T>(
  ask: (key: K, ctx: Context) => Promise<T>,
  limit = Number.POSITIVE_INFINITY,
): Remembered<K, T> {
  const known = new Map<K, { readonly answer: Promise<T>; readonly signal: AbortSignal }>()

  async function first(key: K, ctx: Context): Promise<T> {
    const entry = { answer: ask(key, ctx), signal: ctx.signal }
    if (known.size < limit) known.set(key, entry)
    try {
      return await entry.answer
    } catch (error) {
      if (known.get(key) === entry) known.delete(key)
      throw error
    }
  }

  async function get(key: K, ctx: Context): Promise<T> {
    const shared = known.get(key)
    if (!shared) return first(key, ctx)
    try {
      return await shared.answer
    } catch (error) {
      if (!shared.signal.aborted || ctx.signal.aborted) throw error
      return get(key, ctx)
    }
  }

  return Object.assign(get, { forget: (key: K) => void known.delete(key) })
}

/** The same for a question without a key. */
export function once<T>(ask: (ctx: Context) => Promise<T>): (ctx: Context) => Promise<T> {
  const only = remembered((_: 'only', ctx) => ask(ctx))
  return (ctx) => only('only', ctx)
}
