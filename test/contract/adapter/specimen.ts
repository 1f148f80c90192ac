/** What the suite of all adapters needs: a registry that runs, and what is known of its adapter. */

import type { Delivery, RegistryEvent } from '../../../src/core/adapter.ts'
import type { Registry } from '../../../src/core/registry.ts'
import type { Artifact } from '../../support/images.ts'
import type { Fault } from '../../support/memory-registry.ts'

/** A registry of the adapter's type that runs. */
export interface AdapterUnderTest {
  /** As the configuration says it. */
  readonly registry: Registry
  /** The credential in `REPLICATE_<NAME>_…`, and what else the environment says. */
  readonly env: Readonly<Record<string, string>>
  /** Below which tests may make repositories: a namespace that exists; `''` where there are none. */
  readonly namespace: string
  /** Puts an artifact there without the adapter's help. */
  seed(repository: string, tag: string, artifact: Artifact): Promise<void> | void
  /** `METHOD path` of every request so far, at all its addresses. Absent for real servers. */
  requests?(): readonly string[]
  /** The next `times` (default 1) requests whose `METHOD path` matches fail so; 0 ends all faults. Absent for real servers. */
  fault?(match: RegExp, fault: Fault, times?: number): void
  /** While it is on, every page of a listing says that it itself comes next. */
  loop?(on: boolean): void
  /** Everything that was signed in until now has expired. */
  expire?(): void
  close(): Promise<void>
}

/** What an adapter is known not to do, and what is particular to it: said here, and then tested to be so. */
export interface AdapterSpecimen {
  readonly identity: string
  /** `METHOD path` of the requests that list a repository's tags. */
  readonly listing: RegExp
  /** An environment with a credential that is wrong. Absent: the registry does not check credentials. */
  readonly wrong?: Readonly<Record<string, string>>
  /** How many requests an unchanged repository of 1,000 tags may cost. Absent: each tag costs one. */
  readonly thousand?: number
  /** Its catalogue cannot be listed. */
  readonly repositories?: false
  /** Nothing is deleted, or no tag by itself, or no manifest. */
  readonly deleteTag?: false
  readonly deleteManifest?: false
  /** A repository must be made before it is pushed to: `ensureRepository`, `ensureNamespace` or both do. */
  readonly create?: 'repository' | 'namespace' | 'both'
  /** A namespace that the adapter can create, and the lookup of which, answered so, does not find it yet. */
  readonly creation?: { readonly namespace: string; readonly lookup: RegExp; readonly absent: Fault }
  /** `METHOD path` of the requests that only read, although their method is POST: queries and tokens. */
  readonly query?: RegExp
  /** A real server, which cannot be made to fail. */
  readonly real?: true
  /** An upload that breaks off begins anew: the service does not say what it holds. */
  readonly restarts?: true
  /** Its listing has no pages. */
  readonly pages?: false
  /** What it signs in with does not expire. */
  readonly expires?: false
  /** Webhooks as they really come, and what they tell. */
  readonly deliveries?: readonly { readonly delivery: Delivery; readonly events: readonly RegistryEvent[] }[]
  /** false: the server is not installed. The suite is skipped, which the global set-up says. */
  readonly available?: boolean
}
