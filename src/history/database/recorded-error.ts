/** Recorded errors as text in a column. */

import type { RecordedError } from '../../core/execution.ts'

/** Writes an error as JSON, without secrets. */
export type ErrorText = (error: RecordedError) => string

export function createErrorText(redact: (text: string) => string): ErrorText {
  return ({ code, kind, message, hint }) =>
    JSON.stringify({
      code,
      ...(kind === undefined ? {} : { kind: redact(kind) }),
      message: redact(message),
      ...(hint === undefined ? {} : { hint: redact(hint) }),
    })
}

export function readError(text: string | null): RecordedError | null {
  // Our own column, written by `createErrorText`.
  return text === null ? null : (JSON.parse(text) as RecordedError)
}
