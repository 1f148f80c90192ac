/** Passed down every call: how to stop, and how to say what happened. */

import type { Event } from './events.ts'

export interface Context {
  readonly signal: AbortSignal
  readonly emit: (event: Event) => void
}
