/** A policy that selects nothing at all: more likely a mistake than what was meant. */

import { PrepareError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import type { Policy } from '../../core/policy.ts'
import type { Endpoint } from '../endpoint.ts'

/** `seen`: tags before filters, where they were counted. */
export function emptySelection(
  policy: Policy,
  source: Endpoint,
  repositories: number,
  seen: number | undefined,
  isAbsent: boolean,
): PrepareError {
  if (isAbsent) {
    return new PrepareError(
      `policy ${policy.name} selects nothing: ${source.registry.name} has nothing that it names`,
      {
        hint: 'check the names of repositories and tags; with allow_empty: true this is not an error',
      },
    )
  }
  const saw =
    repositories === 0
      ? `no repository of ${source.registry.name} matches`
      : `${plural(repositories, 'repository', 'repositories')}${seen === undefined ? '' : ` with ${plural(seen, 'tag')}`} seen at ${source.registry.name}, none matches`
  return new PrepareError(`policy ${policy.name} selects nothing: ${saw}`, {
    hint: `\`replicate plan --explain\` shows which rule dropped what; with allow_empty: true this is not an error`,
  })
}
