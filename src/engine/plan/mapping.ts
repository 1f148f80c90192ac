/** Where a repository lands at the destination. */

import type { PolicyDestination } from '../../core/policy.ts'

/** The destination's name for a source repository; its last part always stays, unless the whole name is given. */
export function mapRepository(
  source: string,
  destination: Pick<PolicyDestination, 'namespace' | 'flatten' | 'repository'>,
): string {
  if (destination.repository !== undefined) return destination.repository
  const parts = source.split('/')
  const replaced = destination.flatten === 'all' ? parts.length - 1 : Math.min(destination.flatten, parts.length - 1)
  return [...(destination.namespace === undefined ? [] : [destination.namespace]), ...parts.slice(replaced)].join('/')
}
