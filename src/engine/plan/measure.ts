/** How much a planned action would copy: its manifests read, its blobs looked for, nothing written. */

import { forEachConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import { type Descriptor, platformNames } from '../../core/descriptor.ts'
import { isNotFound } from '../../core/errors.ts'
import { contentsOf, isForeign, isIndex, type Manifest } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { isAttestation } from '../../transfer/children.ts'
import { familyOf, indexReader } from '../../transfer/family.ts'
import { collect } from '../../transfer/referrers.ts'
import { type Endpoint, type ManifestMemory, readTagged } from '../endpoint.ts'
import { selectionOf } from './filter.ts'
import type { Pulls } from './pulls.ts'

/** Manifests of an artifact read at once. */
const MANIFESTS_AT_ONCE = 16

export interface Measure {
  /** Of all blobs the artifact names, and of those that the destination lacks. */
  readonly bytes: number
  readonly bytes_to_copy: number
  readonly layers: number
  readonly layers_to_copy: number
  readonly platforms: readonly string[]
  /** Of the artifact itself; null where they stay behind. */
  readonly referrers: number | null
}

/** Where a task reads. */
export interface MeasuredSide {
  readonly source: Endpoint
  /** Absent where pulls may be spent. */
  readonly pulls: Pulls | undefined
}

/** Measures one action after another; a blob that two of them need is counted as copied once for each destination registry, and for the
 *  action that was asked about first, however long each takes. */
export function createMeasure(
  policy: Policy,
  sideOf: (task: TaskSpec) => Promise<MeasuredSide>,
  destination: Endpoint,
  memory: ManifestMemory,
) {
  const counted = new Set<string>()
  let before: Promise<unknown> = Promise.resolve()
  const { children: wanted, narrows } = selectionOf(policy)

  /** Undefined where its manifests may not be read. */
  return async (task: TaskSpec, ctx: Context): Promise<Measure | undefined> => {
    const earlier = before
    // Rejected where the action cannot be measured; the next one's turn comes all the same.
    const claimed = contents(task, ctx).then(async (found) => {
      await earlier
      if (!found) return undefined
      const mine = [...found.blobs.values()].filter(({ digest }) => !counted.has(digest))
      for (const { digest } of mine) counted.add(digest)
      return { ...found, mine }
    })
    before = Promise.allSettled([earlier, claimed])
    const ours = await claimed
    return ours && measured(task, ours, ctx)
  }

  async function contents(task: TaskSpec, ctx: Context): Promise<Contents | undefined> {
    const { source, pulls } = await sideOf(task)
    if (pulls && !(await pulls.mayRead(task.source.repository, task.digest ?? '', ctx))) return undefined
    const from = source.adapter.repository(task.source.repository)
    const blobs = new Map<string, Descriptor>()
    const configs = new Set<string>()
    const read = async (digest: string): Promise<Manifest> =>
      memory.peek(task.source.repository, digest) ??
      (await readTagged(from, digest, digest === task.digest ? task.source.tag : undefined, ctx))
    const readIndex = indexReader(read)
    const family = await familyOf(await readIndex(task.digest ?? ''), wanted, readIndex)
    await forEachConcurrent(family, MANIFESTS_AT_ONCE, async (part) => {
      const isRead = part.digest === task.digest || isIndex(part.mediaType)
      const manifest = await (isRead ? readIndex : read)(part.digest).catch((error: unknown) => {
        // One that the source does not have is left out.
        if (wanted && isAttestation(part) && isNotFound(error)) return undefined
        throw error
      })
      if (!manifest) return
      const contents = contentsOf(manifest)
      for (const blob of contents.blobs) if (policy.foreign_layers || !isForeign(blob)) blobs.set(blob.digest, blob)
      if (contents.config) configs.add(contents.config.digest)
    })
    const [root] = family
    const travel = policy.referrers !== false && !narrows && root
    const referrers = travel ? (await collect(from.referrers?.(root, ctx))).length : null
    return { blobs, configs, platforms: platformNames(family), referrers }
  }

  async function measured(
    task: TaskSpec,
    { blobs, configs, platforms, referrers, mine }: Contents & { readonly mine: readonly Descriptor[] },
    ctx: Context,
  ): Promise<Measure> {
    const to = destination.adapter.repository(task.destination.repository)
    let bytes_to_copy = 0
    let layers_to_copy = 0
    await Promise.all(
      mine.map(async (blob) => {
        if (!task.new_repository && (await to.hasBlob(blob, ctx))) return
        bytes_to_copy += blob.size
        if (!configs.has(blob.digest)) layers_to_copy += 1
      }),
    )
    const bytes = [...blobs.values()].reduce((sum, { size }) => sum + size, 0)
    const layers = [...blobs.keys()].filter((digest) => !configs.has(digest)).length
    return { bytes, bytes_to_copy, layers, layers_to_copy, platforms, referrers }
  }
}

/** What an action names, all its manifests together. */
interface Contents {
  readonly blobs: ReadonlyMap<string, Descriptor>
  /** Digests of blobs that are not layers. */
  readonly configs: ReadonlySet<string>
  readonly platforms: readonly string[]
  readonly referrers: number | null
}
