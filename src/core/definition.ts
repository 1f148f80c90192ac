/** Registries and policies as things that somebody defined: who, and when. */

export type DefinitionKind = 'policy' | 'registry'

/** Which one: its name, and the file that has it (absolute). */
export interface DefinitionKey {
  readonly kind: DefinitionKind
  readonly file: string
  readonly name: string
}

/** Fields of `--json`. */
export interface Definition {
  /** The user of the shell, or the name of a token. Null for one that was written by hand. */
  readonly creator: string | null
  /** RFC 3339. When it was created; of one that was written by hand when it was first seen. */
  readonly creation_time: string
  /** RFC 3339. The last change by a command or the REST API; before the first one `creation_time`. */
  readonly update_time: string
}

/** What one write of a configuration file did. */
export interface DefinitionChange {
  readonly kind: DefinitionKind
  readonly name: string
  readonly what: 'created' | 'changed' | 'removed'
}
