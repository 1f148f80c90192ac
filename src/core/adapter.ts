/** What an adapter is: facts plus optional methods. An absent method means "cannot". */

import type { ContentStore } from './content.ts'
import type { Context } from './context.ts'
import type { Digest } from './descriptor.ts'
import type { HttpClient } from './http.ts'
import type { ResourceType } from './policy.ts'
import type { Credential, Registry } from './registry.ts'

export type FilterType = 'name' | 'tag' | 'label' | 'resource'

/** What an adapter folder exports. `tools` is what the program lends it, such as an HTTP client. */
export interface AdapterType<Tools = AdapterTools> {
  readonly identity: string
  readonly name: string
  readonly description: string
  readonly resources: readonly ResourceType[]
  readonly filters: readonly FilterType[]
  /** How many path parts a repository name has here. Checked in the plan. */
  readonly depth?: { readonly min?: number; readonly max?: number }
  /** How tags and their digests are listed, one sentence for `adapters show`. */
  readonly listing: string
  /** The credential types it takes. */
  readonly credentials: readonly string[]
  /** Limits and quirks worth knowing, a sentence each. */
  readonly quirks: readonly string[]
  open(registry: Registry, tools: Tools): Adapter
}

/** What an adapter may use instead of making its own. */
export interface AdapterTools {
  /** An HTTP client for the registry: retries, limits, tokens, TLS, proxy. Made on first use. */
  readonly http: () => HttpClient
  readonly credential: () => Promise<Credential>
}

/** A step of a check, in the order it was made. */
export interface PingStep {
  readonly name: string
  readonly ok: boolean
  /** Milliseconds. */
  readonly duration: number
  /** What was seen: a certificate's expiry, where the credential comes from; or why it failed. */
  readonly detail: string
}

/** A tag with what the registry's own API says of it. */
export interface TagInfo {
  readonly tag?: string
  readonly digest: Digest
  readonly mediaType?: string
  readonly size?: number
  readonly labels?: readonly string[]
  readonly created?: Date
  readonly pushed?: Date
}

/** What the planner wants of a catalogue. Patterns are of the repository's whole name. */
export interface Wanted {
  readonly namespaces: readonly string[]
  readonly names: readonly string[]
}

export interface NamespaceOptions {
  readonly public: boolean
}

/** A connection to one registry. */
export interface Adapter {
  /** Reaches the registry and lets it check the credential; throws what went wrong. Writes nothing. */
  ping(ctx: Context): Promise<void>
  repository(name: string): ContentStore
  namespaces?(ctx: Context): AsyncIterable<string>
  ensureNamespace?(namespace: string, options: NamespaceOptions, ctx: Context): Promise<void>
  /** Names of repositories. May over-report: the planner filters again. */
  repositories?(wanted: Wanted, ctx: Context): AsyncIterable<string>
  /** Tags with their digests, where that costs less than a HEAD each. */
  listTags?(repository: string, ctx: Context): AsyncIterable<TagInfo>
  /** Ends open connections and finishes what must be finished (a tar is written here). */
  close?(): Promise<void>
}
