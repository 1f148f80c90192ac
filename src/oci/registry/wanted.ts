/** The first path parts that a policy's patterns can match, so that a vendor's API is asked for no more than those. */

import type { Wanted } from '../../core/adapter.ts'
import { compilePattern } from '../../core/pattern.ts'

/** The first `parts` path parts (default one) of everything wanted; undefined if the patterns leave them open. */
export function topsOf({ namespaces, names }: Wanted, parts = 1): readonly string[] | undefined {
  return literalTops(namespaces, parts) ?? literalTops(names, parts)
}

function literalTops(patterns: readonly string[], parts: number): readonly string[] | undefined {
  const found = new Set<string>()
  for (const pattern of patterns) {
    const top = pattern.split('/').slice(0, parts).join('/')
    // A brace that contains the slash is cut in two, and then nothing is known.
    const isWhole = top.split('{').length === top.split('}').length
    const literals = isWhole ? compilePattern(top).literals : undefined
    if (!literals) return undefined
    for (const literal of literals) found.add(literal)
  }
  return patterns.length === 0 ? undefined : [...found]
}
