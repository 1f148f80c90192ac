/** The `namespace` and `flatten` that take one repository's path to another. */

export interface Landing {
  readonly namespace?: string
  readonly flatten?: 'all'
}

/** Undefined where no destination means it: a repository keeps its own name, and a path is not made shorter than that. */
export function landing(from: string, to: string): Landing | undefined {
  if (from === to) return {}
  const source = from.split('/')
  const target = to.split('/')
  const name = source.slice(-1)
  // By default a namespace takes the place of the first part.
  const rest = source.length === 1 ? source : source.slice(1)
  if (endsWith(target, rest)) return { namespace: target.slice(0, -rest.length).join('/') }
  if (endsWith(target, name)) return { namespace: target.slice(0, -1).join('/'), flatten: 'all' }
  return undefined
}

/** With something before it. */
function endsWith(parts: readonly string[], end: readonly string[]): boolean {
  return parts.length > end.length && parts.slice(-end.length).join('/') === end.join('/')
}
