/** Why something cannot be planned, as its task will say it. */

import { CancelledError, describeError, kindOf, ReplicateError } from '../core/errors.ts'
import { plural } from '../core/plural.ts'
import { isRepositoryName } from '../core/reference.ts'
import type { Endpoint } from './endpoint.ts'

export interface Reason {
  readonly reason: string
  readonly reason_code: string
  readonly reason_kind?: string
  readonly hint?: string
}

/** Why a tag or repository cannot be planned. Rethrows what stops the whole program. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
  const kind = kindOf(error)
  return {
    reason: describeError(error),
    reason_code: error.code,
    ...(kind === undefined ? {} : { reason_kind: kind }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  }
}

/** Why a name does not fit the destination: no valid name, too deep or not deep enough. */
export function misfitOf(mapped: string, destination: Endpoint): Reason | undefined {
  const { type, registry } = destination
  const parts = mapped === '' ? 0 : mapped.split('/').length
  const hint = 'set destination.namespace and flatten so that the name fits'
  if (parts > 0 && !isRepositoryName(mapped)) {
    return { reason: `${mapped} is not a valid repository name`, reason_code: 'unsupported', hint }
  }
  const { min = 0, max = Number.POSITIVE_INFINITY } = type.depth ?? {}
  const place = `${type.name} at ${registry.name}`
  if (parts < min || parts > max) {
    const wants = min === max ? `exactly ${min}` : parts < min ? `at least ${min}` : `at most ${max}`
    const reason = `${mapped} has ${plural(parts, 'path part')}, ${place} wants ${wants}`
    return { reason, reason_code: 'unsupported', hint }
  }
  const broken = parts > 0 ? type.names?.find(({ pattern }) => !pattern.test(mapped)) : undefined
  if (!broken) return undefined
  const reason = `${mapped} is not a name for ${place}, which wants ${broken.rule}`
  return { reason, reason_code: 'unsupported', hint }
}
