/** A request as it leaves the client: for the sockets of this thread, of another one, or of a proxy's agent. */

import type { Carrier } from '../core/carrier.ts'
import type { Context } from '../core/context.ts'
import type { BodySource } from '../core/http.ts'

export interface Outgoing {
  readonly method: string
  readonly url: URL
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array | BodySource | undefined
  /** How long the answer may be silent, in milliseconds; default: the connection's `idle`. */
  readonly silence?: number | undefined
  /** How long the whole answer may take, in milliseconds; default: any time. */
  readonly limit?: number | undefined
  /** The thread to send it from; absent: this one. */
  readonly carrier?: Carrier | undefined
  readonly signal: AbortSignal
  /** Where requests are traced: told of this one. */
  readonly emit?: Context['emit'] | undefined
  /** Called once when the answer's body is over; not called where `send` throws. */
  readonly done: () => void
}
