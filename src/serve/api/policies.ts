/** Finds the policy that a request means: by its name, or by the number that executions show as `policy_id`. */

import type { Configuration } from '../../config/load.ts'
import type { Policy } from '../../core/policy.ts'
import type { History } from '../../history/history.ts'
import { ApiError } from './problem.ts'

/** The name of a policy that the history has: of the one that is called so, else of the one that has this number. */
export function policyNameOf({ executions }: History, id: string): string {
  return executions.lastOf(id) ? id : (numbered(executions, id) ?? id)
}

function numbered(executions: History['executions'], id: string): string | undefined {
  return /^[1-9]\d{0,14}$/.test(id) ? executions.policyNumbered(Number(id)) : undefined
}

/** Throws an `ApiError` for an unknown one. A policy may have digits for a name: the name counts. */
export function policyOf({ policies }: Configuration, { executions }: History, id: string | number): Policy {
  const name = String(id)
  const named = policies.find((one) => one.name === name)
  if (named) return named
  const earlier = numbered(executions, name)
  const found = earlier === undefined ? undefined : policies.find((one) => one.name === earlier)
  if (found) return found
  throw new ApiError(
    404,
    'not_found',
    earlier === undefined ? `there is no policy ${name}` : `policy ${earlier} (${name}) is in no file any more`,
  )
}
