/** Repositories, tags and digests that the policy names without wildcards and the source does not have. */

import type { Location, TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Selection } from './filter.ts'
import { mapRepository } from './mapping.ts'

export interface MissingNames {
  /** Takes a tag or digest off the list: some repository has it, or the source could not be asked. */
  found(name: string): void
  lacksRepository(repository: string): void
  /** A failed task for each missing name, to be called once all `repositories` are compared. `isMissing` confirms that a tag or digest
   *  which was not found is missing. */
  tasks(repositories: readonly string[], isMissing: (name: string) => Promise<boolean>): Promise<readonly TaskSpec[]>
}

/** The error code of a missing name. */
export const MISSING = 'missing'

export function createMissingNames(
  policy: Policy,
  selection: Selection,
  source: Endpoint,
  destination: Endpoint,
): MissingNames {
  const named = new Set(selection.tags?.filter((tag) => selection.tag(tag).kept) ?? [])
  if (selection.digest !== undefined) named.add(selection.digest)
  const { name } = source.registry
  const tasks: TaskSpec[] = []
  const lacking = new Set<string>()

  function task(from: Omit<Location, 'registry'>, reason: string): TaskSpec {
    const { repository, tag } = from
    const landing = repository === '' ? '' : mapRepository(repository, policy.destination)
    const at = policy.destination.tag ?? tag
    return {
      action: 'blocked',
      resource_type: 'image',
      source: { registry: name, ...from },
      destination: {
        registry: destination.registry.name,
        repository: landing,
        ...(at === undefined ? {} : { tag: at }),
      },
      reason: `source ${name}: ${reason}`,
      reason_code: MISSING,
      hint: 'check the spelling; `missing: warn` in the policy makes it a warning',
    }
  }

  return {
    found: (given) => named.delete(given),
    lacksRepository(repository) {
      lacking.add(repository)
      tasks.push(task({ repository }, `there is no repository ${repository}`))
    },
    async tasks(repositories, isMissing) {
      const [only = '', ...others] = repositories
      // The tags of a missing repository are not reported as well.
      if (repositories.every((repository) => lacking.has(repository))) return tasks
      const where = others.length === 0 ? only : `any of ${others.length + 1} repositories`
      for (const given of named) {
        if (!(await isMissing(given))) continue
        const tag = given === selection.digest ? {} : { tag: given }
        tasks.push(task({ repository: others.length === 0 ? only : '', ...tag }, `there is no ${given} in ${where}`))
      }
      return tasks
    },
  }
}
