/** Passed down every call: how to stop, and how to say what happened. */

import type { Carrier } from './carrier.ts'
import type { Event } from './events.ts'

export interface Context {
  readonly signal: AbortSignal
  readonly emit: (event: Event) => void
  /** The thread that large bodies of this call go through; absent: this one. */
  readonly carrier?: Carrier | undefined
}
