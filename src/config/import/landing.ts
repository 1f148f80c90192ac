/** The `namespace` and `flatten` that take one repository's path to another. */

export interface Landing {
  readonly namespace?: string
  readonly flatten?: number | 'all'
}

/** Undefined if no destination means it: a repository keeps its own name. */
export function landing(from: string, to: string): Landing | undefined {
  if (from === to) return {}
  const source = from.split('/')
  const target = to.split('/')
  const stripped = source.length - target.length
  if (endsWith(source, target) && (stripped <= 3 || target.length === 1))
    return { flatten: target.length === 1 ? 'all' : stripped }
  // By default a namespace takes the place of the first part.
  const rest = source.length === 1 ? source : source.slice(1)
  if (endsWith(target, rest)) return { namespace: target.slice(0, -rest.length).join('/') }
  const name = source.slice(-1)
  return endsWith(target, name) ? { namespace: target.slice(0, -1).join('/'), flatten: 'all' } : undefined
}

/** With something before it. */
function endsWith(parts: readonly string[], end: readonly string[]): boolean {
  return parts.length > end.length && parts.slice(-end.length).join('/') === end.join('/')
}
