/** Tags that a policy has put at a destination: what `deletion: owned` may delete. They outlive the executions that brought them. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Location } from '../core/plan.ts'
import type { Database } from './database/database.ts'

export interface BroughtTag {
  /** What the policy last put under the tag; absent where the plan did not know it. */
  readonly digest?: Digest
}

export interface BroughtTags {
  /** Undefined for a tag that no execution of the policy has copied or updated, and for one that the policy has deleted since. */
  find(policy: string, destination: Location): BroughtTag | undefined
}

export function createBroughtTags(database: Database): BroughtTags {
  return {
    find(policy, { registry, repository, tag = null }) {
      const row = database.get<{ digest: string | null }>(FIND, { policy, registry, repository, tag })
      if (!row) return undefined
      const digest = parseDigest(row.digest ?? '')
      return digest === undefined ? {} : { digest }
    },
  }
}

/** Triggers of the table of tasks write it. */
const FIND = `
  SELECT digest FROM brought WHERE policy_id = (SELECT id FROM policies WHERE name = @policy)
    AND registry = @registry AND repository = @repository AND tag = @tag`
