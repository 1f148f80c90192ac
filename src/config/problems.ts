/** Sorts problems by place and removes duplicates. */

import type { Problem } from '../core/errors.ts'
import { UNSET } from './interpolate.ts'

export function tidied(problems: readonly Problem[]): readonly Problem[] {
  return inOrder(distinct(problems))
}

/** Report a problem behind an anchor once; for an unset variable report only that it is unset. */
function distinct(problems: readonly Problem[]): readonly Problem[] {
  const placeOf = ({ position }: Problem): string => `${position?.file}:${position?.line}:${position?.column}`
  const unset = new Set(problems.filter(({ message }) => message.endsWith(UNSET)).map(placeOf))
  const seen = new Set<string>()
  return problems.filter((problem) => {
    const place = placeOf(problem)
    const key = `${place} ${problem.message}`
    if (seen.has(key) || (unset.has(place) && !problem.message.endsWith(UNSET))) return false
    seen.add(key)
    return true
  })
}

/** By file as they were named, then by place. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map(({ position }) => position?.file))]
  const keys = ({ position }: Problem): readonly number[] => [
    files.indexOf(position?.file),
    position?.line ?? 0,
    position?.column ?? 0,
  ]
  return [...problems].sort((a, b) => {
    const [left, right] = [keys(a), keys(b)]
    const differing = left.findIndex((key, index) => key !== right[index])
    return (left[differing] ?? 0) - (right[differing] ?? 0)
  })
}
