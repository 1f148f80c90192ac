/** One side of a policy, opened: the adapter's facts and its connection, with a memory for manifests that the plan has read. */

import type { Adapter, AdapterType } from '../core/adapter.ts'
import type { ContentStore } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import { isNotFound } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import type { Policy } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'
import type { Throttle } from '../transfer/throttle.ts'

export interface Endpoint {
  readonly registry: Registry
  readonly type: AdapterType
  readonly adapter: Adapter
  /** The registry's own bandwidth limit, shared by all that use it. */
  readonly throttle?: Throttle | undefined
}

/** A policy towards one of its destinations, opened. */
export interface Route {
  readonly policy: Policy
  readonly destination: Endpoint
}

/** The manifest with this digest. Some caches know it only once its tag was read. */
export async function readTagged(
  store: ContentStore,
  digest: string,
  tag: string | undefined,
  ctx: Context,
): Promise<Manifest> {
  try {
    return await store.readManifest(digest, ctx)
  } catch (error) {
    if (!isNotFound(error) || tag === undefined) throw error
    const tagged = await store.readManifest(tag, ctx)
    if (tagged.digest !== digest) throw error
    return tagged
  }
}

/** How many bytes of manifests a plan keeps for the transfer; beyond that they are read again. */
const KEPT_BYTES = 32 * 1024 * 1024
/** What a kept manifest costs beyond its bytes. */
const OVERHEAD = 512

/** Manifests read by the plan, so that the transfer need not read them again. */
export class ManifestMemory {
  readonly #manifests = new Map<string, Manifest>()
  #bytes = 0

  get hasRoom(): boolean {
    return this.#bytes < KEPT_BYTES
  }

  keep(repository: string, manifest: Manifest): void {
    const key = `${repository}@${manifest.digest}`
    if (!this.hasRoom || this.#manifests.has(key)) return
    this.#manifests.set(key, manifest)
    this.#bytes += manifest.bytes.byteLength + OVERHEAD
  }

  peek(repository: string, digest: string): Manifest | undefined {
    return this.#manifests.get(`${repository}@${digest}`)
  }

  /** The manifest, from memory or from the store, where `tag` names it. It leaves the memory: its transfer needs it once. */
  async take(
    repository: string,
    store: ContentStore,
    digest: string,
    tag: string | undefined,
    ctx: Context,
  ): Promise<Manifest> {
    return this.give(repository, digest) ?? readTagged(store, digest, tag, ctx)
  }

  /** The manifest, where it is in memory and has no more than `most` bytes. It leaves the memory. */
  give(repository: string, digest: string, most = Number.POSITIVE_INFINITY): Manifest | undefined {
    const key = `${repository}@${digest}`
    const kept = this.#manifests.get(key)
    if (!kept || kept.bytes.byteLength > most) return undefined
    this.#manifests.delete(key)
    this.#bytes -= kept.bytes.byteLength + OVERHEAD
    return kept
  }
}
