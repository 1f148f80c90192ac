/** Policies that would both own a namespace. */

import { compilePattern } from '../core/pattern.ts'
import type { Policy } from '../core/policy.ts'
import { namespaceOf } from '../core/reference.ts'

/** The enabled system policy that already takes the namespace of `policy` from the same registry, if there is one. */
export function takenBy(
  policy: Policy,
  others: readonly Policy[],
  endpoint: (registry: string) => string,
): Policy | undefined {
  const namespace = policy.source.namespaces?.[0]
  if (policy.scope !== 'namespace' || namespace === undefined) return undefined
  return others.find(
    (other) =>
      other.scope === 'system' &&
      other.enabled &&
      endpoint(other.source.registry) === endpoint(policy.source.registry) &&
      takes(other, namespace),
  )
}

function takes(policy: Policy, namespace: string): boolean {
  const { namespaces } = policy.source
  if (namespaces && !namespaces.some((pattern) => compilePattern(pattern).matches(namespace))) return false
  const { name } = policy.filters
  return name === undefined || name.some((pattern) => reaches(pattern, namespace))
}

/** True where a name below `namespace` may match. */
function reaches(pattern: string, namespace: string): boolean {
  const compiled = compilePattern(pattern)
  if (compiled.literals) return compiled.literals.some((name) => namespaceOf(name) === namespace)
  if (compiled.matches(`${namespace}/x`)) return true
  const above = namespaceOf(pattern)
  return above !== undefined && matchesIfWhole(above, namespace)
}

/** The part of a pattern before its last slash is a pattern too, unless that slash stood inside braces. */
function matchesIfWhole(pattern: string, namespace: string): boolean {
  try {
    return compilePattern(pattern).matches(namespace)
  } catch {
    return true
  }
}
