/** JSON files of a layout: strangers write them, so an error does not quote them. */

import { IntegrityError, messageOf } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'

/** A JSON object from `file`; throws an `IntegrityError`. */
export function parseObject(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parseJson(bytes)
  } catch (cause) {
    throw new IntegrityError(`${file} is malformed: ${messageOf(cause)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new IntegrityError(`${file} is malformed: not a JSON object`)
  }
  return value as Record<string, unknown>
}
