/** Names without wildcards that the source turns out not to have. */

import type { Location, TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Selection } from './filter.ts'
import { mapRepository } from './mapping.ts'

export interface MissingNames {
  /** The source has the tag or the digest in some repository, or cannot tell. */
  found(name: string): void
  lacksRepository(repository: string): void
  /** A failed task for each, once all `repositories` are compared. `isMissing` is asked of a tag or digest that was not found. */
  tasks(repositories: readonly string[], isMissing: (name: string) => Promise<boolean>): Promise<readonly TaskSpec[]>
}

/** The code of what is named and missing. */
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
      hint: 'check how it is spelled; a policy with `missing: warn` only warns',
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
      // Of a repository that is missing nothing more is said.
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
