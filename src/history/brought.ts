/** Tags that a policy has put at a destination: what `deletion: owned` may delete. They outlive the executions that brought them. */

import { type Digest, parseDigest } from '../core/descriptor.ts'
import type { Location } from '../core/plan.ts'
import type { Database } from './database/database.ts'

export interface BroughtTag {
  /** What the policy last put under the tag; absent where the plan did not know it. */
  readonly digest?: Digest
  /** When, in milliseconds since 1970; absent where an earlier version of the program did. */
  readonly time?: number
}

export interface BroughtTags {
  /** Undefined for a tag that no execution of the policy has copied or updated, and for one that the policy has deleted since. */
  find(policy: string, destination: Location): BroughtTag | undefined
  /** The tags that the policy has put into a repository, of all digests or of one; 10,000 at most. */
  tags(policy: string, destination: Omit<Location, 'tag'>, digest?: Digest): readonly string[]
  /** When the policy deleted a tag within the last day, in milliseconds since 1970. */
  removed(policy: string, destination: Location): number | undefined
  /** How many tags it has put into a registry. */
  count(policy: string, registry: string): number
}

export function createBroughtTags(database: Database): BroughtTags {
  return {
    find(policy, { registry, repository, tag = null }) {
      const row = database.get<{ digest: string | null; time: number }>(FIND, { policy, registry, repository, tag })
      if (!row) return undefined
      const digest = parseDigest(row.digest ?? '')
      return { ...(digest === undefined ? {} : { digest }), ...(row.time === 0 ? {} : { time: row.time }) }
    },
    tags: (policy, { registry, repository }, digest) =>
      database
        .all<{ tag: string }>(TAGS, { policy, registry, repository, digest: digest ?? null })
        .map(({ tag }) => tag),
    removed: (policy, { registry, repository, tag = null }) =>
      database.get<{ time: number }>(REMOVED, { policy, registry, repository, tag })?.time,
    count: (policy, registry) => database.get<{ count: number }>(COUNT, { policy, registry })?.count ?? 0,
  }
}

/** Triggers of the table of tasks write it. */
const FIND = `
  SELECT digest, time FROM brought WHERE policy_id = (SELECT id FROM policies WHERE name = @policy)
    AND registry = @registry AND repository = @repository AND tag = @tag`

const TAGS = `
  SELECT tag FROM brought WHERE policy_id = (SELECT id FROM policies WHERE name = @policy)
    AND registry = @registry AND repository = @repository AND (@digest IS NULL OR digest = @digest) LIMIT 10000`

const COUNT = `
  SELECT count(*) AS count FROM brought WHERE policy_id = (SELECT id FROM policies WHERE name = @policy)
    AND registry = @registry`

const REMOVED = `
  SELECT time FROM removed_tags WHERE policy_id = (SELECT id FROM policies WHERE name = @policy)
    AND registry = @registry AND repository = @repository AND tag = @tag`
