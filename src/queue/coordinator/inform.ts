/** Tells of workers that may not do what this process may, each message once. */

import type { Context } from '../../core/context.ts'
import { describeError } from '../../core/errors.ts'

const MOST_TOLD = 100

/** `instead`: what becomes of it. */
export function createInform(instead: string, { emit }: Context): (worker: string, error: unknown) => void {
  const told = new Set<string>()
  return (worker, error) => {
    const text = `worker ${worker}: ${describeError(error)}`
    if (told.has(text) || told.size >= MOST_TOLD) return
    told.add(text)
    emit({ type: 'log', level: 'warning', text: `${text}; ${instead}` })
  }
}
