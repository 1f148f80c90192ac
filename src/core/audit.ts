/** Who did what: a line for each change and each start that somebody asked for. */

export const AUDIT_VERBS = [
  'created',
  'changed',
  'removed',
  'started',
  'stopped',
  'paused',
  'resumed',
  'retried',
  'tested',
  'pruned',
  'notified',
] as const
export type AuditVerb = (typeof AUDIT_VERBS)[number]

export const AUDIT_NOUNS = ['policy', 'registry', 'credential', 'execution'] as const
export type AuditNoun = (typeof AUDIT_NOUNS)[number]

/** Whoever asks for something. */
export interface Actor {
  /** The name of a token, or the user of the shell. */
  readonly who: string
  /** Of the token; null on the command line, which has none. */
  readonly role: string | null
  /** The address that the request came from, or `cli`. */
  readonly origin: string
}

export interface Deed {
  readonly verb: AuditVerb
  readonly noun: AuditNoun
  /** The name of a policy or registry, or the number of an execution. */
  readonly name: string
  /** Where or what more: a file, a policy, an execution. */
  readonly detail: string | null
}

/** Fields of `--json`. */
export interface AuditLine extends Actor, Deed {
  readonly id: number
  /** RFC 3339, UTC. */
  readonly time: string
}
