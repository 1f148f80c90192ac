/** Passed down every call: how to stop, how to wait, and how to say what happened. */

import type { Carrier } from './carrier.ts'
import type { Event } from './events.ts'
import type { Gate } from './gate.ts'

export interface Context {
  readonly signal: AbortSignal
  readonly emit: (event: Event) => void
  /** Aborted before `signal`: nothing new begins, and what is under way may still end. Absent: there is no such time. */
  readonly draining?: AbortSignal | undefined
  /** Requests, and the bytes of their bodies, pass it. Absent: nothing is ever held. */
  readonly gate?: Gate | undefined
  /** The thread that large bodies of this call go through; absent: this one. */
  readonly carrier?: Carrier | undefined
}
