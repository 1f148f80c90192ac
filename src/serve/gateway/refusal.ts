/** Why a client does not get what it asks for, as the distribution specification says it. */

import { describeError, isNotFound, RegistryError, ReplicateError } from '../../core/errors.ts'

/** The codes of the distribution specification, and two of its reference implementation. */
export type RefusalCode =
  | 'BLOB_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNSUPPORTED'

const MESSAGES: Readonly<Record<RefusalCode, string>> = {
  BLOB_UNKNOWN: 'blob unknown to registry',
  DENIED: 'requested access to the resource is denied',
  DIGEST_INVALID: 'provided digest is not valid',
  MANIFEST_UNKNOWN: 'manifest unknown',
  NAME_INVALID: 'invalid repository name',
  NAME_UNKNOWN: 'repository name not known to registry',
  TOOMANYREQUESTS: 'too many requests',
  UNAUTHORIZED: 'authentication required',
  UNAVAILABLE: 'service unavailable',
  UNSUPPORTED: 'the operation is unsupported',
}

/** Thrown to answer a request; it belongs to that request alone. */
export class Refusal extends Error {
  readonly status: number
  readonly code: RefusalCode
  /** For people: what to do about it, or which rule decided. */
  readonly detail: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: RefusalCode, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(`${MESSAGES[code]}: ${detail}`)
    this.name = new.target.name
    this.status = status
    this.code = code
    this.detail = detail
    this.headers = headers
  }

  get body(): string {
    const { code, detail } = this
    // Most clients print the code in words of their own and the message, and not the detail.
    return JSON.stringify({ errors: [{ code, message: detail, detail }] })
  }
}

/** What a registry's failure is to a client of the gateway; undefined for a bug. `code`: what it asked for. */
export function refusalFor(error: unknown, code: 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN'): Refusal | undefined {
  if (error instanceof Refusal) return error
  if (!(error instanceof ReplicateError)) return undefined
  if (isNotFound(error)) return new Refusal(404, code, describeError(error))
  if (error instanceof RegistryError && error.status === 429) {
    const { retryAfter } = error
    const headers = retryAfter === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfter / 1000)) }
    return new Refusal(429, 'TOOMANYREQUESTS', describeError(error), headers)
  }
  return new Refusal(503, 'UNAVAILABLE', describeError(error))
}
