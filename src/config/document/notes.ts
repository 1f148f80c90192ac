/** Who made a policy, and when: what `policies create` and `update` note above it. */

import type { Configuration } from '../load.ts'

export interface Notes {
  readonly creator: string | null
  /** RFC 3339: a file notes days, which begin in UTC. */
  readonly creation_time: string | null
  readonly update_time: string | null
}

/** Comments and the key below them. */
const NOTED = /((?:^ *#.*\r?\n)+) *["']?([^\s"':#]+)["']? *:/gm

/** By file; kept as long as its configuration is, as a daemon asks often. */
type FileNotes = Map<string, ReadonlyMap<string, Notes>>

const found = new WeakMap<Configuration, FileNotes>()

/** What is noted of each policy; undefined for one that was written by hand. */
export function notesOf(configuration: Configuration): (policy: string) => Notes | undefined {
  const notes = found.get(configuration) ?? new Map<string, ReadonlyMap<string, Notes>>()
  found.set(configuration, notes)
  return (policy) => {
    const path = configuration.policyFile(policy)
    if (path === undefined) return undefined
    const known = notes.get(path) ?? notesIn(configuration.files.find((file) => file.path === path)?.text ?? '')
    notes.set(path, known)
    return known.get(policy)
  }
}

function notesIn(text: string): ReadonlyMap<string, Notes> {
  const notes = new Map<string, Notes>()
  const policies = text.slice(Math.max(0, text.search(/^policies\s*:/m)))
  for (const [, comments = '', key = ''] of policies.matchAll(NOTED)) {
    const created = /# *created (\d{4}-\d\d-\d\d)\S* by (.*\S)/.exec(comments)
    const changed = /# *changed (\d{4}-\d\d-\d\d)\S* by /.exec(comments)
    if (!created && !changed) continue
    const creation = timeOf(created?.[1])
    notes.set(key, {
      creator: created?.[2] ?? null,
      creation_time: creation,
      update_time: timeOf(changed?.[1]) ?? creation,
    })
  }
  return notes
}

/** Null for a day that no month has. */
function timeOf(day: string | undefined): string | null {
  const time = Date.parse(`${day}T00:00:00Z`)
  return Number.isNaN(time) ? null : new Date(time).toISOString()
}
