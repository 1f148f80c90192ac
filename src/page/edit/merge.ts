/** Two who have changed the same definition: what each of them has changed, and both together. */

export type Definition = Readonly<Record<string, unknown>>

export interface Difference {
  /** Such as `filters.tag`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

export function isMapping(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Of JSON; the order of keys does not count. */
export function same(one: unknown, other: unknown): boolean {
  if (isMapping(one) && isMapping(other)) return keysOf(one, other).every((key) => same(one[key], other[key]))
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other
  return one.length === other.length && one.every((value, at) => same(value, other[at]))
}

/** Lists are compared whole. */
export function differences(before: unknown, after: unknown, path = ''): readonly Difference[] {
  if (same(before, after)) return []
  if (!isMapping(before) || !isMapping(after)) return [{ path, before, after }]
  return keysOf(before, after).flatMap((key) =>
    differences(before[key], after[key], path === '' ? key : `${path}.${key}`),
  )
}

/** Theirs with what was changed from `before` to `mine`. Where both changed the same, mine counts. */
export function merged(before: Definition, mine: Definition, theirs: Definition): Definition {
  const all: Record<string, unknown> = {}
  for (const key of keysOf(theirs, mine)) {
    const [old, own, other] = [before[key], mine[key], theirs[key]]
    const value = same(own, old) ? other : isMapping(own) && isMapping(other) ? merged(part(old), own, other) : own
    if (value !== undefined) all[key] = value
  }
  return all
}

export function part(value: unknown): Definition {
  return isMapping(value) ? value : {}
}

function keysOf(one: Definition, other: Definition): readonly string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
}
