/** A policy for one of its artifacts: what a client pulls. */

import type { Policy } from '../../../core/policy.ts'
import type { Selection } from '../../../engine/plan/filter.ts'

/** What is pulled, as the source names it. */
export interface Pulled {
  readonly repository: string
  /** Absent for an artifact that is pulled by its digest. */
  readonly tag?: string
  readonly digest?: string
}

/** The same policy for just this artifact, which its rules for names and tags select: all other rules stay. Its runs have a lock of their own.
 *  `isNewest`: its tag is known to be among the newest. */
export function narrowedTo(pulled: Pulled, policy: Policy, selection: Selection, isNewest = false): Policy {
  const { repository, tag, digest } = pulled
  const { name, exclude, regex, semver, tag: tags, digest: only, newest, ...others } = policy.filters
  const filters = { ...others, ...labelsOf(exclude), untagged: false, name: [repository] }
  const { registry } = policy.source
  const reference = tag === undefined ? `@${digest}` : `:${tag}`
  return {
    ...policy,
    description: `pull of ${registry}/${repository}${reference}`,
    source: { registry },
    filters:
      tag === undefined && digest !== undefined
        ? { ...filters, digest }
        : newest === undefined || isNewest
          ? { ...filters, tag: [pinned(tag ?? '', selection)] }
          : // It counts among those that the rules for tags select.
            { ...policy.filters, name: [repository] },
    on_overlap: 'queue',
    allow_empty: true,
    missing: 'warn',
    deletion: 'never',
    // A client that waits asks again itself.
    retry: { ...policy.retry, attempts: 1 },
  }
}

function labelsOf(exclude: Policy['filters']['exclude']): Pick<Policy['filters'], 'exclude'> {
  return exclude?.label ? { exclude: { label: exclude.label } } : {}
}

function pinned(tag: string, { pinned: pins }: Selection): string {
  const digest = pins.get(tag)
  return digest === undefined ? tag : `${tag}@${digest}`
}
