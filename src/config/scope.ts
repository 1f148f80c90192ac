/** Finds two policies that would own the same namespace. */

import { compilePattern } from '../core/pattern.ts'
import type { Policy } from '../core/policy.ts'
import { namespaceOf } from '../core/reference.ts'
import { compileRegex } from '../core/regex.ts'

/** The result looks up, for an enabled policy with `scope: namespace`, the enabled system policy that already reads its namespace from the same
 *  place. `endpoint` is the address of a registry. */
export function ownership(
  policies: readonly Policy[],
  endpoint: (registry: string) => string,
): (policy: Policy) => Policy | undefined {
  const systems = policies.filter(({ scope, enabled }) => scope === 'system' && enabled)
  const entries = systems.flatMap((policy) => {
    const takes = taker(policy)
    return spelledOut(policy).map((namespace) => ({
      policy,
      takes,
      key: `${endpoint(policy.source.registry)} ${namespace}`,
    }))
  })
  const owners = Map.groupBy(entries, ({ key }) => key)
  return ({ scope, enabled, source }) => {
    const namespace = source.namespaces?.[0]
    if (scope !== 'namespace' || !enabled || namespace === undefined) return undefined
    const keys = [namespace, ANY].map((each) => `${endpoint(source.registry)} ${each}`)
    return keys.flatMap((key) => owners.get(key) ?? []).find(({ takes }) => takes(namespace))?.policy
  }
}

const ANY = '*'

/** The namespaces that a policy lists without patterns; `*` if it has patterns or lists none. */
function spelledOut({ source }: Policy): readonly string[] {
  const literals = source.namespaces?.map((pattern) => compilePattern(pattern).literals)
  return literals?.every((each) => each !== undefined) ? literals.flat() : [ANY]
}

/** The result tells whether the policy reads from a namespace. */
function taker({ source, filters }: Policy): (namespace: string) => boolean {
  const namespaces = source.namespaces?.map(compilePattern)
  const reaches = filters.name?.map(reach)
  const excluded = [
    ...(filters.exclude?.name ?? []).map(compilePattern),
    ...(filters.regex?.exclude?.name ?? []).map(compileRegex),
  ]
  const leavesOut = (namespace: string): boolean =>
    excluded.some((pattern) => SOME_NAMES.every((name) => pattern.matches(`${namespace}/${name}`)))
  return (namespace) =>
    (!namespaces || namespaces.some((pattern) => pattern.matches(namespace))) &&
    (!reaches || reaches.some((each) => each(namespace))) &&
    !leavesOut(namespace)
}

/** What excludes all of these below a namespace is meant to exclude all of it. */
const SOME_NAMES = ['a', 'zq7-x.y', 'b/c', 'q/zq7/x_y']

/** The result tells whether a name below a namespace may match the pattern. */
function reach(pattern: string): (namespace: string) => boolean {
  const compiled = compilePattern(pattern)
  const { literals } = compiled
  if (literals) {
    const known = new Set(literals.map(namespaceOf))
    return (namespace) => known.has(namespace)
  }
  const above = namespaceOf(pattern)
  const matches = above === undefined ? () => false : matcherIfWhole(above)
  return (namespace) => compiled.matches(`${namespace}/x`) || matches(namespace)
}

/** The part of a pattern before its last slash is a pattern too, unless that slash stood inside braces. */
function matcherIfWhole(pattern: string): (namespace: string) => boolean {
  try {
    return compilePattern(pattern).matches
  } catch {
    return () => true
  }
}
