/** What a maintainer may write: policies of its own namespaces, with nothing in them that reaches beyond registries. */

import type { Configuration } from '../../../config/load.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { ApiError } from '../problem.ts'
import type { Caller } from './tokens.ts'

/** What a maintainer may say. Every other field is for admins until it stands here: requests, commands and files are those of the daemon. */
export const MAINTAINER_FIELDS: ReadonlySet<string> = new Set([
  'name',
  'description',
  'enabled',
  'scope',
  'source',
  'destination',
  'also',
  'filters',
  'order',
  'on_overlap',
  'allow_empty',
  'foreign_layers',
  'verify',
  'referrers',
  'override',
  'missing',
  'deletion',
  'max_deletions',
  'triggers',
  'retry',
] satisfies (keyof Policy)[])

/** Throws an `ApiError` where the caller may not write this policy, or change one that is like this. */
export function expectOwn({ role, namespaces = [] }: Caller, policy: Policy, configuration: Configuration): void {
  if (role === 'admin') return
  const reasons = [...reasonsAgainst(policy, new Set(namespaces), configuration)]
  if (reasons.length === 0) return
  throw new ApiError(403, 'forbidden', `a maintainer may not write policy ${policy.name}: ${reasons.join('; ')}`, {
    hint: `it needs scope: namespace, and namespaces of ${namespaces.join(', ')}`,
  })
}

function* reasonsAgainst(policy: Policy, own: ReadonlySet<string>, { registries }: Configuration): Generator<string> {
  const { scope, source } = policy
  if (scope !== 'namespace') yield 'its `scope` is `system`'
  const [namespace] = source.namespaces ?? []
  if (namespace === undefined || !own.has(namespace)) yield `it reads ${namespace ?? 'every namespace'}`
  for (const { destination } of routesOf(policy)) {
    const { registry, namespace: to, flatten } = destination
    // Without a namespace of its own everything lands where it came from.
    if (to === undefined ? flatten !== 0 : !own.has(to)) yield `it writes to ${to ?? 'other namespaces'}`
    if (!registries.has(registry)) yield `${registry} is not one of the registries`
  }
  if (!registries.has(source.registry)) yield `${source.registry} is not one of the registries`
  for (const [field, value] of Object.entries(policy)) {
    if (!MAINTAINER_FIELDS.has(field) && value !== undefined) yield `\`${field}\` is for admins`
  }
}
