/** The tags of a regsync entry: sets of regular expressions and ranges of versions, of which any may match. */

import { z } from 'zod'
import type { Pick } from '../copies.ts'
import { type Draft, literal } from '../draft.ts'
import { hasBareChoice, wholeExpressions } from '../expressions.ts'
import { below, type Origin } from '../foreign.ts'
import { texts } from '../values.ts'
import { paddedRange } from '../versions.ts'

export const tagsSchema = z.strictObject({
  allow: texts.exactOptional(),
  deny: texts.exactOptional(),
  semverRange: texts.exactOptional(),
})

type TagSet = z.output<typeof tagsSchema>

/** One for each set. */
export function tagPicks(
  draft: Draft,
  { tags, tagSets = [] }: { readonly tags?: TagSet; readonly tagSets?: readonly TagSet[] },
  at: Origin,
): readonly Pick[] {
  const sets = tagSets.map((set, index) => ({ set, at: below(at, 'tagSets', index) }))
  const isSet = Object.values(tags ?? {}).some(({ length }) => length > 0)
  if (tags && isSet) sets.push({ set: tags, at: below(at, 'tags') })
  if (sets.length === 0) return [{}]
  return sets.flatMap(({ set, at: place }): readonly Pick[] => {
    const { allow = [], deny = [], semverRange = [] } = set
    const tag = expressions(draft, allow, below(place, 'allow'))
    const range = rangeOf(draft, semverRange, below(place, 'semverRange'))
    if (range === false || (allow.length > 0 && tag.length === 0)) return []
    const exclude = { tag: expressions(draft, deny, below(place, 'deny')) }
    return [{ regex: { tag, exclude }, ...(range === undefined ? {} : { semver: range }) }]
  })
}

/** regsync puts anchors around an expression and no group: of `a|b` it takes what begins with `a` or ends in `b`. */
export function expressions(draft: Draft, all: readonly string[], at: Origin): readonly string[] {
  for (const [index, expression] of all.entries()) {
    if (!hasBareChoice(expression)) continue
    const read = literal(`^${expression}$`)
    const message = `regsync reads \`${literal(expression)}\` as \`${read}\`, and that is what is imported`
    draft.note(below(at, index), message, 'write `(a|b)` if either is meant')
  }
  return wholeExpressions(
    draft,
    all.map((expression, index) => ({ expression: `^${expression}$`, origin: below(at, index) })),
  )
}

/** False where there is a range that cannot be said. */
function rangeOf(draft: Draft, ranges: readonly string[], at: Origin): string | undefined | false {
  if (ranges.length === 0) return undefined
  const known = ranges.map(paddedRange)
  for (const [index, range] of known.entries()) {
    if (range === undefined)
      draft.leaveOut(
        below(at, index),
        `\`${literal(ranges[index] ?? '')}\` is not a range of versions here`,
        'write it as `semver: ">=1.2 <2"`',
      )
  }
  const found = known.filter((range) => range !== undefined)
  if (found.length === 0) return false
  draft.note(
    at,
    'regsync counts pre-releases such as 1.2.0-rc1 in, and versions of more than three numbers; `semver` does not',
    'take those that are wanted by `tag` in a policy of their own',
  )
  return found.join(' || ')
}
