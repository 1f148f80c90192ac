/** Why a request to a hook is refused, as its sender and the log are told: a problem as RFC 9457 writes one. */

import { STATUS_CODES } from 'node:http'

export interface RefusalDetails {
  readonly hint?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

export class Refusal extends Error {
  readonly status: number
  readonly hint: string | undefined
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, message: string, { hint, headers = {}, cause }: RefusalDetails = {}) {
    super(message, { cause })
    this.status = status
    this.hint = hint
    this.headers = headers
  }
}

export function problemOf({ status, message, hint }: Refusal): Readonly<Record<string, unknown>> {
  return { title: STATUS_CODES[status] ?? 'Error', status, detail: message, ...(hint === undefined ? {} : { hint }) }
}

/** The same again later may do. */
export function later(message: string, seconds: number, cause?: unknown): Refusal {
  return new Refusal(503, message, { headers: { 'retry-after': String(seconds) }, cause })
}
