/** What is known of a policy while it is asked for: what options would say, over what the file says already. */

import { isLayoutPlace } from '../../../config/hosts.ts'
import type { Configuration } from '../../../config/load.ts'
import type { Policy } from '../../../core/policy.ts'
import { complaint, type PolicyDraft } from '../../commands/policies/draft.ts'
import type { PolicyFlags } from '../../commands/policies/fields.ts'

export interface Answers {
  readonly name: string
  readonly flags: PolicyFlags
  /** A repository that the filters match. */
  readonly example: string | undefined
  /** What the filters match, in words. */
  readonly counts: string | undefined
}

/** The dialog's tools. */
export interface Table extends Omit<PolicyDraft, 'name'> {
  readonly configuration: Configuration
}

export function draftOf(table: Table, { name }: Answers): PolicyDraft {
  return { ...table, name: name || 'draft' }
}

/** What is undefined is as the file has it, or as is usual. */
type Changes = { readonly [K in keyof PolicyFlags]?: PolicyFlags[K] | undefined }

/** What the file's own check says of the answers, with some of them changed. */
export function wrongWith(table: Table, answers: Answers, changes: Changes): Promise<string | undefined> {
  return complaint(draftOf(table, answers), changed(answers, changes).flags)
}

/** The answers with some changed. */
export function changed(answers: Answers, changes: Changes): Answers {
  const flags = Object.entries({ ...answers.flags, ...changes }).filter(([, value]) => value !== undefined)
  return { ...answers, flags: Object.fromEntries(flags) }
}

/** The registry, or the whole reference. */
export function sourceOf({ before }: Table, { flags }: Answers): string {
  return flags.source ?? before?.source.registry ?? ''
}

/** True where the reference says of itself which repositories it means. */
export function hasPath(table: Table, answers: Answers): boolean {
  const source = sourceOf(table, answers)
  return !isLayoutPlace(source) && source.includes('/')
}

type ListKey = 'namespace' | 'name' | 'tag' | 'platform' | 'label'

function written(before: Policy | undefined, key: ListKey): readonly string[] {
  if (key === 'namespace') return before?.source.namespaces ?? []
  return (key === 'platform' ? before?.filters.platforms : before?.filters[key]) ?? []
}

/** The patterns that are in force. */
export function listOf({ before }: Table, { flags }: Answers, key: ListKey): readonly string[] {
  return (flags[key] ?? written(before, key)).filter((word) => word !== '')
}

/** As an option says it: an empty list takes away what the file has. */
export function listFlag({ before }: Table, key: ListKey, words: readonly string[]): Changes {
  if (words.length > 0) return { [key]: words }
  return written(before, key).length > 0 ? { [key]: [''] } : { [key]: undefined }
}

/** What stands for "none" where an empty answer means "as before". */
export const NONE = '-'

export function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '' && word !== NONE)
}
