/** Finds the policy that a request means: by its name, or by the number that executions show as `policy_id`. */

import type { Configuration } from '../../config/load.ts'
import type { Policy } from '../../core/policy.ts'
import type { History } from '../../history/history.ts'
import { ApiError } from './problem.ts'

/** Throws an `ApiError` for an unknown one. A policy may have digits for a name: the name counts. */
export function policyOf({ policies }: Configuration, { executions }: History, id: string | number): Policy {
  const name = String(id)
  const named = policies.find((one) => one.name === name)
  if (named) return named
  const numbered = /^[1-9]\d{0,14}$/.test(name) ? executions.policyNumbered(Number(name)) : undefined
  const found = numbered === undefined ? undefined : policies.find((one) => one.name === numbered)
  if (found) return found
  throw new ApiError(
    404,
    'not_found',
    numbered === undefined ? `there is no policy ${name}` : `policy ${numbered} (${name}) is in no file any more`,
  )
}
