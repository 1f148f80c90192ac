/** Changes files for the API: with the record of who did it, and the daemon at its new state before it is answered. */

import { type LineChange, lineChanges } from '../../config/edit/difference.ts'
import type { Edit } from '../../config/edit/edit.ts'
import type { Edited } from '../../config/edit/file.ts'
import { ConfigurationError, ReadonlyFileError, StaleEditError } from '../../core/errors.ts'
import type { Daemon } from '../parts.ts'
import type { Sender } from './auth/tokens.ts'
import type { Kind, Plain } from './desk.ts'
import { ApiError } from './problem.ts'
import { actorOf } from './record.ts'

export interface Change {
  readonly kind: Kind
  readonly name: string
  readonly file: string
  readonly edits: readonly Edit[]
  /** Its whole definition, for who has to write it by hand; undefined: it is removed. */
  readonly value?: Plain | undefined
  readonly ifMatch?: string | undefined
  readonly dry?: boolean
  /** A comment says who did it and when; the command line notes no switch of `enabled` either. */
  readonly noted?: boolean
  /** Asked before anything is written: what it throws leaves the file alone. */
  readonly expect?: ((edited: Edited) => void) | undefined
}

/** Throws an `ApiError`: 412 for a file that has changed, 409 for one that cannot be written, 422 with all that is wrong. */
export async function change(
  { program: { desk, clock }, reread }: Daemon,
  caller: Sender,
  { kind, name, file, edits, value, ifMatch, dry = false, expect, ...how }: Change,
): Promise<Edited> {
  const { noted = kind === 'policies' && value !== undefined } = how
  const day = new Date(clock.now()).toISOString().slice(0, 10)
  const isNew = value !== undefined && (await desk.written(kind, name, file)) === undefined
  const note = `${isNew ? 'created' : 'changed'} ${day} by ${caller.name}`
  const comment: Edit = { note: [kind, name], begins: isNew ? 'created' : 'changed', text: note }
  function expected(edited: Edited): void {
    // An empty mapping takes away what had something in it.
    if (value !== undefined && edited.changes.some((one) => one.name === name && one.what === 'removed')) {
      throw new ApiError(422, 'configuration', `the definition of ${name} is empty`, { hint: '`DELETE` removes it' })
    }
    expect?.(edited)
  }
  try {
    const by = actorOf(caller)
    const edited = await desk.edit(edits, {
      file,
      ifMatch,
      by,
      dry,
      note: noted ? comment : undefined,
      expect: expected,
    })
    if (!dry && edited.after !== edited.before) await reread()
    return edited
  } catch (error) {
    if (error instanceof StaleEditError) {
      throw new ApiError(412, 'stale', error.message, { hint: 'read it again, and change that', cause: error })
    }
    if (error instanceof ConfigurationError && error.problems.some(({ kind }) => kind === 'scope_conflict')) {
      throw new ApiError(409, 'scope_conflict', error.message, { hint: error.hint, cause: error })
    }
    if (!(error instanceof ReadonlyFileError)) throw error
    throw new ApiError(409, 'read_only', error.message, {
      hint: value === undefined ? `remove it where ${file} comes from` : `put this YAML where ${file} comes from`,
      ...(value === undefined ? {} : { yaml: desk.yaml(kind, name, value) }),
      cause: error,
    })
  }
}

/** What an edit does to its file, for the answer of a dry run. */
export function changesOf({ before, after }: Pick<Edited, 'before' | 'after'>): {
  readonly changes: boolean
  readonly lines: readonly LineChange[]
} {
  return { changes: before !== after, lines: lineChanges(before, after) }
}
