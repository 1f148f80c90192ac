/** What an adapter is: facts plus optional methods. An absent method means "cannot". */

import type { ContentStore } from './content.ts'
import type { Context } from './context.ts'
import type { Digest } from './descriptor.ts'
import type { HookFacts, HookGreeting } from './hooks.ts'
import type { Expiry, HttpClient } from './http.ts'
import type { EventKind, ResourceType } from './policy.ts'
import type { Credential, Registry, SentCredential } from './registry.ts'

export type FilterType = 'name' | 'tag' | 'label' | 'resource' | 'deprecated'

/** What an adapter folder exports. `tools` is what the program lends it, such as an HTTP client. */
export interface AdapterType<Tools = AdapterTools> {
  readonly identity: string
  readonly name: string
  readonly description: string
  /** Hosts whose registry is of this type, matched in lower case. */
  readonly hosts?: readonly RegExp[]
  /** The URL of a service that has one address. */
  readonly home?: string
  /** Hosts that people write instead of that address, such as `docker.io`. */
  readonly aliases?: readonly string[]
  /** Where a repository name of one part belongs: Docker Hub's `alpine` is `library/alpine`. */
  readonly defaultNamespace?: string
  /** What people call such a registry, as the default for its name; without it the identity. */
  readonly short?: string
  /** What Harbor's replication calls this type, where that is not the identity. */
  readonly harborType?: string
  /** Nothing can be written to it. */
  readonly isReadOnly?: true
  readonly resources: readonly ResourceType[]
  readonly filters: readonly FilterType[]
  /** How many path parts a repository name has here. Checked in the plan. */
  readonly depth?: { readonly min?: number; readonly max?: number }
  /** What else a repository name must be. Checked in the plan. */
  readonly names?: readonly NameRule[]
  /** The request that tells whether the registry is one of its type; default `GET /v2/`. */
  readonly greeting?: string
  /** How tags and their digests are listed, one sentence for `adapters show`. */
  readonly listing: string
  /** The credential types it takes. */
  readonly credentials: readonly string[]
  /** What the suite of all adapters was run against, and whether that was the live service. */
  readonly checked?: string
  /** Limits and quirks worth knowing, a sentence each. */
  readonly quirks: readonly string[]
  /** What `options:` of such a registry may hold. */
  readonly options?: readonly AdapterOption[]
  /** User and password go with the first request, as the registry itself gives no challenge. */
  readonly preemptive?: true
  /** Refusals other than a 401 that mean that what was sent has expired. */
  readonly expired?: readonly Expiry[]
  /** Makes of the credential that was found what the registry takes: a cloud's key, role or own chain. Asked again when that has expired.
   *  Where nothing was found it gets `anonymous`. Absent: only what can be sent as it is. */
  signIn?(found: Credential, registry: Registry, tools: SignInTools): Promise<SentCredential>
  /** How it sends webhooks; `parseEvents` reads them. */
  readonly hooks?: HookFacts
  /** What a webhook of such a registry tells; empty for anything that no policy can be started by. Throws a `RegistryError` for what is
   *  malformed. */
  parseEvents?(delivery: Delivery): readonly RegistryEvent[] | Promise<readonly RegistryEvent[]>
  /** Undefined for a delivery: for all but what asks whether the hook is meant. */
  greetHook?(delivery: Delivery): HookGreeting | undefined | Promise<HookGreeting | undefined>
  /** What it needs for that is loaded only now: most runs know two types of registry. */
  open(registry: Registry, tools: Tools): Adapter | Promise<Adapter>
}

/** The part that the configuration is checked with. */
export type AdapterFacts = Pick<
  AdapterType,
  | 'identity'
  | 'name'
  | 'hosts'
  | 'home'
  | 'aliases'
  | 'defaultNamespace'
  | 'harborType'
  | 'filters'
  | 'resources'
  | 'isReadOnly'
  | 'credentials'
  | 'options'
>

export interface NameRule {
  /** Which the whole name must match. */
  readonly pattern: RegExp
  /** For people, after `wants`: `at most 64 characters`. */
  readonly rule: string
}

export interface AdapterOption {
  readonly name: string
  readonly description: string
  /** `list`: one or several texts; `mapping`: texts by name. */
  readonly type: 'text' | 'flag' | 'list' | 'mapping'
  /** Of a text: nothing else is allowed. */
  readonly values?: readonly string[]
}

/** What an adapter may use instead of making its own. */
export interface AdapterTools {
  /** An HTTP client for the registry: retries, limits, tokens, TLS, proxy. Made on first use. */
  readonly http: () => HttpClient
  /** A client for another address or another way to sign in, such as a control API. One for each `url` and `name`, ended with the rest. */
  readonly api: (options: ApiOptions) => HttpClient
  /** As it was found, before `signIn`. */
  readonly credential: () => Promise<Credential>
  /** The registry at a host that this one names, with what this machine has for that host: nothing of this one's credential. Refused where
   *  only this machine reaches it and `allow_addresses` does not say that it may. */
  readonly registryAt?: (host: string) => Promise<Adapter>
  /** Kept from run to run; absent where nothing is. */
  readonly cache?: Cache | undefined
}

/** Bytes by key, which saves requests: what is lost is asked for again. Its methods do not throw. */
export interface Cache {
  read(key: string): Promise<Uint8Array | undefined>
  write(key: string, bytes: Uint8Array): Promise<void>
}

export interface ApiOptions {
  /** With scheme and optional path prefix. */
  readonly url: string
  /** Tells clients for one `url` apart; default none. */
  readonly name?: string
  /** What signs the requests; default: the registry's own credential, signed in. A `basic` one is sent with the first request. */
  readonly credential?: () => Promise<SentCredential>
  readonly expired?: readonly Expiry[]
}

export interface SignInTools {
  readonly api: AdapterTools['api']
  /** The variables of the environment, in which a cloud's own chain looks. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly ctx: Context
}

/** A webhook's request, its body parsed. */
export interface Delivery {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface RegistryEvent {
  readonly action: EventKind
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
  readonly time?: Date
  /** The delivery's own, where it has one: the same again is the same event. */
  readonly id?: string
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
  /** Absent for an artifact without a tag. */
  readonly tag?: string
  readonly digest: Digest
  readonly mediaType?: string
  readonly labels?: readonly string[]
  /** What the publisher says of a chart; absent where the registry does not tell. */
  readonly deprecated?: boolean
  readonly created?: Date
  readonly pushed?: Date
  /** In a layout: what other tools call it. */
  readonly ref?: string
  /** In a layout: the children of an index that were left out when it was written. */
  readonly absent?: readonly Digest[]
}

/** Just a name where nothing is told but that the tag is there. */
export type ListedTag = TagInfo | UndigestedTag | string

/** What a listing says of a tag whose digest only a HEAD tells. */
export type UndigestedTag = Omit<TagInfo, 'tag' | 'digest'> & { readonly tag: string; readonly digest?: undefined }

/** What the planner wants of a catalogue. Patterns are of the repository's whole name. */
export interface Wanted {
  readonly namespaces: readonly string[]
  readonly names: readonly string[]
}

/** Of what is created: a namespace or a repository. */
export interface CreateOptions {
  readonly public: boolean
}

export interface WriteRules {
  /** Why nothing may be pushed, with what to do. */
  readonly refused?: { readonly reason: string; readonly hint?: string }
  /** Of whatever has a limit, such as `project mirror`. */
  readonly quota?: { readonly name: string; readonly bytesLeft: number }
  /** Why the tag, which exists, may not be moved; undefined where it may. */
  immutable?(tag: string): string | undefined
}

/** A connection to one registry. */
export interface Adapter {
  /** Reaches the registry and lets it check the credential; throws what went wrong. Writes nothing. */
  ping(ctx: Context): Promise<void>
  repository(name: string): ContentStore
  /** Where a repository's blobs are kept: those with the same answer share them. Absent: each has its own. */
  blobHome?(repository: string): Promise<string>
  /** True once the registry has told that reading a manifest counts against an allowance of pulls. */
  countsPulls?(): boolean
  /** What is left of that allowance, as it last told; undefined before. */
  pullsLeft?(): number | undefined
  namespaces?(ctx: Context): AsyncIterable<string>
  ensureNamespace?(namespace: string, options: CreateOptions, ctx: Context): Promise<void>
  /** Creates a repository, where a push does not. Idempotent; called before the first write into one that was not there. */
  ensureRepository?(repository: string, options: CreateOptions, ctx: Context): Promise<void>
  /** What is known beforehand of writes into a repository, which need not exist. Asks once for many repositories where it can. */
  writeRules?(repository: string, ctx: Context): Promise<WriteRules>
  /** Creates the labels that are missing and attaches them to an artifact. Idempotent. */
  attachLabels?(repository: string, digest: Digest, labels: readonly string[], ctx: Context): Promise<void>
  /** Names of repositories. May over-report: the planner filters again. */
  repositories?(wanted: Wanted, ctx: Context): AsyncIterable<string>
  /** Tags with their digests, where that costs less than a HEAD each; of a tag whose digest the API does not tell just the name.
   *  Artifacts without a tag may be left out where they cost more and are not wanted. */
  listTags?(repository: string, ctx: Context, wanted?: { readonly untagged: boolean }): AsyncIterable<ListedTag>
  /** Checks the token that a delivery carries, where the option that `hooks.verifiedBy` names is set. Throws a `CredentialError` for one that
   *  is not from this registry, and whatever else kept it from being checked. */
  verifyDelivery?(headers: Delivery['headers'], ctx: Context): Promise<void>
  /** What is written lasts only once `commit` has returned. Absent: at once. */
  readonly commitsLate?: boolean
  /** Makes last what was written, where that happens only at the end: a tar is packed here. Until it returns, a crash or a full disk may
   *  take that back. `whole`: nothing failed or was stopped, so that what unfinished copies left need not be kept. */
  commit?(whole: boolean, ctx: Context): Promise<void>
  /** Releases files, locks and connections. Called once, also where a run failed, and of sources too. */
  close?(): Promise<void>
}

/** True for a type that names an adapter outside this program: a file, or `module:NAME`. */
export function isForeignType(type: string): boolean {
  return type.startsWith('module:') || isAdapterFile(type)
}

/** True for a type that is the path of a file. */
export function isAdapterFile(type: string): boolean {
  return /^(\.{0,2}\/|[A-Za-z]:\\)/.test(type)
}
