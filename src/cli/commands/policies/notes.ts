/** Who made a policy, and when: what `policies create` and `update` note above it. */

import { readFileSync } from 'node:fs'
import type { Configuration } from '../../../config/load.ts'

export interface Notes {
  readonly creator: string | null
  /** The days, as they stand in the file. */
  readonly creation_time: string | null
  readonly update_time: string | null
}

const NOTHING: Notes = { creator: null, creation_time: null, update_time: null }
/** Comments and the key below them. */
const NOTED = /((?:^ *#.*\r?\n)+) *["']?([^\s"':#]+)["']? *:/gm

/** What is noted of each policy, nothing of one that was written by hand. Each file is read once. */
export function notesOf(configuration: Configuration): (policy: string) => Notes {
  const files = new Map<string, ReadonlyMap<string, Notes>>()
  return (policy) => {
    const file = configuration.policyFile(policy)
    if (file === undefined) return NOTHING
    const known = files.get(file) ?? notesIn(file)
    files.set(file, known)
    return known.get(policy) ?? NOTHING
  }
}

function notesIn(file: string): ReadonlyMap<string, Notes> {
  const notes = new Map<string, Notes>()
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    // Standard input, for one.
    return notes
  }
  const policies = text.slice(Math.max(0, text.search(/^policies\s*:/m)))
  for (const [, comments = '', key = ''] of policies.matchAll(NOTED)) {
    const created = /# *created (\d{4}-\d\d-\d\d\S*) by (.*\S)/.exec(comments)
    const changed = /# *changed (\d{4}-\d\d-\d\d\S*) by /.exec(comments)
    if (!created && !changed) continue
    const creation = created?.[1] ?? null
    notes.set(key, {
      creator: created?.[2] ?? null,
      creation_time: creation,
      update_time: changed?.[1] ?? creation,
    })
  }
  return notes
}
