/** The tags of a regsync entry: sets of regular expressions and ranges of versions, of which any may match. */

import { z } from 'zod'
import type { Pick } from './copies.ts'
import type { Draft } from './draft.ts'
import { below, type Origin } from './foreign.ts'
import { gather, type Written } from './selections.ts'
import { texts } from './values.ts'
import { paddedRange } from './versions.ts'

export const tagsSchema = z.strictObject({
  allow: texts.exactOptional(),
  deny: texts.exactOptional(),
  semverRange: texts.exactOptional(),
})

type TagSet = z.output<typeof tagsSchema>

/** A policy for each set, and more where its expressions cannot be said together. */
export function tagPicks(
  draft: Draft,
  entry: { readonly tags?: TagSet; readonly tagSets?: readonly TagSet[] },
  at: Origin,
): readonly Pick[] {
  const sets = [
    ...(entry.tagSets ?? []).map((set, index) => ({ set, at: below(at, 'tagSets', index) })),
    ...(entry.tags ? [{ set: entry.tags, at: below(at, 'tags') }] : []),
  ]
  if (sets.length === 0) return [{}]
  return sets.flatMap(({ set, at: place }): readonly Pick[] => {
    const { allow = [], deny = [], semverRange = [] } = set
    const found = gather({ of: 'tag', allow: allow.map(anchored), deny: deny.map(anchored) })
    for (const { index, message, hint } of found.misfits) draft.note(below(place, 'allow', index), message, hint)
    for (const { index, message, hint } of found.denied) draft.note(below(place, 'deny', index), message, hint)
    for (const [index, expression] of [...allow, ...deny].entries()) {
      if (!hasBareChoice(expression)) continue
      const where = index < allow.length ? below(place, 'allow', index) : below(place, 'deny', index - allow.length)
      draft.note(
        where,
        `regsync reads \`${expression}\` as \`^${expression}$\`, and so it is taken over`,
        'write `(a|b)` where either is meant',
      )
    }
    const range = rangeOf(draft, semverRange, below(place, 'semverRange'))
    if (range === false) return []
    return found.choices.map(({ include, exclude }) => ({
      ...(include ? { tags: include } : {}),
      ...(exclude.length > 0 ? { excludeTags: exclude } : {}),
      ...(range === undefined ? {} : { semver: range }),
    }))
  })
}

function hasBareChoice(expression: string): boolean {
  return expression
    .replaceAll(/\\.|\[[^\]]*\]/g, '')
    .replaceAll(/\([^()]*\)/g, '')
    .includes('|')
}

/** False where there is a range that cannot be said. */
function rangeOf(draft: Draft, ranges: readonly string[], at: Origin): string | undefined | false {
  if (ranges.length === 0) return undefined
  const known = ranges.map(paddedRange)
  for (const [index, range] of known.entries()) {
    if (range === undefined)
      draft.leaveOut(
        below(at, index),
        `\`${ranges[index]}\` is no range of versions here`,
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

/** As regsync compiles them; an `a|b` is then what begins with `a` or ends in `b`. */
export function anchored(expression: string, index: number): Written {
  return { expression: `^${expression}$`, written: expression, index }
}
