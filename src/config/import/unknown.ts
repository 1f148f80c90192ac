/** Keys of other tools that come to nothing here, each said with what to do instead. */

import type { Draft } from './draft.ts'
import { below, type Foreign, type Origin } from './foreign.ts'

/** What to do instead, by key. */
export type Without = Readonly<Record<string, string>>

/** Says of every key that is set and has no counterpart what to do instead. `false` says nothing, so it needs nothing. */
export function noteWithout(draft: Draft, values: object, at: Origin, without: Without): void {
  for (const [key, value] of Object.entries(values)) {
    const hint = without[key]
    if (hint === undefined || value === undefined || value === false) continue
    draft.note(below(at, key), `\`${key}\` has no counterpart`, hint)
  }
}

export function noteUnknown(draft: Draft, { origin, unknown }: Foreign<unknown>): void {
  for (const path of unknown) {
    draft.note(below(origin, ...path), `\`${path.at(-1)}\` is not known`, 'it is left out')
  }
}
