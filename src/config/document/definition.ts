/** Who made the registries and policies of a configuration, and when: from the history, else from the notes in its files. */

import type { Definition, DefinitionKey, DefinitionKind } from '../../core/definition.ts'
import type { Configuration } from '../load.ts'
import { type Notes, notesOf } from './notes.ts'

/** Fields of `--json`; null where nothing is known. */
export type DefinitionFacts = { readonly [F in keyof Definition]: Definition[F] | null }

export const UNKNOWN: DefinitionFacts = { creator: null, creation_time: null, update_time: null }

/** Each file is read once. `look` is the history's. */
export function definitionsOf(
  configuration: Configuration,
  look: (key: DefinitionKey) => Definition | undefined,
): (kind: DefinitionKind, name: string) => DefinitionFacts {
  const noted = notesOf(configuration)
  return (kind, name) => {
    const file = kind === 'policy' ? configuration.policyFile(name) : configuration.registryFile(name)
    if (file === undefined) return UNKNOWN
    const known = look({ kind, file, name })
    const notes = kind === 'policy' && typeof known?.creator !== 'string' ? noted(name) : undefined
    return notes ? together(notes, known) : (known ?? UNKNOWN)
  }
}

/** A note is of the day; the history may have seen a later change. */
function together(notes: Notes, known: Definition | undefined): DefinitionFacts {
  const changed = known && known.update_time !== known.creation_time ? known.update_time : notes.update_time
  return {
    creator: notes.creator,
    creation_time: notes.creation_time ?? known?.creation_time ?? null,
    update_time: changed,
  }
}
