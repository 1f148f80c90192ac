/** How much a planned action would copy: its manifests read, its blobs looked for, nothing written. */

import type { Context } from '../../core/context.ts'
import { type Descriptor, type Platform, platformName } from '../../core/descriptor.ts'
import { contentsOf, isForeign } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { wantedChildren } from '../../transfer/children.ts'
import type { Endpoint, ManifestMemory } from '../endpoint.ts'
import { selectionOf } from './filter.ts'

export interface Measure {
  /** Of all blobs the artifact names, and of those that the destination lacks. */
  readonly bytes: number
  readonly bytes_to_copy: number
  readonly layers: number
  readonly layers_to_copy: number
  readonly platforms: readonly string[]
}

/** Measures one action after another; a blob that two of them need is counted as copied once for each destination registry. */
export function createMeasure(policy: Policy, source: Endpoint, destination: Endpoint, memory: ManifestMemory) {
  const counted = new Set<string>()
  const wanted = selectionOf(policy).children
  return async (task: TaskSpec, ctx: Context): Promise<Measure> => {
    const from = source.adapter.repository(task.source.repository)
    const to = destination.adapter.repository(task.destination.repository)
    const blobs = new Map<string, Descriptor>()
    const configs = new Set<string>()
    const platforms = new Set<string>()
    const visited = new Set<string>()
    const visit = async (digest: string, platform: Platform | undefined): Promise<void> => {
      if (visited.has(digest)) return
      visited.add(digest)
      if (platform && platform.os !== 'unknown') platforms.add(platformName(platform))
      const manifest = memory.peek(task.source.repository, digest) ?? (await from.readManifest(digest, ctx))
      const contents = contentsOf(manifest)
      for (const blob of contents.blobs) if (policy.foreign_layers || !isForeign(blob)) blobs.set(blob.digest, blob)
      if (contents.config) configs.add(contents.config.digest)
      const children = wantedChildren(contents.manifests, wanted)
      await Promise.all(children.map((child) => visit(child.digest, child.platform)))
    }
    await visit(task.digest ?? '', undefined)
    let bytes = 0
    let bytes_to_copy = 0
    let layers_to_copy = 0
    await Promise.all(
      [...blobs.values()].map(async (blob) => {
        bytes += blob.size
        if (counted.has(blob.digest)) return
        counted.add(blob.digest)
        if (!task.new_repository && (await to.hasBlob(blob, ctx))) return
        bytes_to_copy += blob.size
        if (!configs.has(blob.digest)) layers_to_copy += 1
      }),
    )
    const layers = [...blobs.keys()].filter((digest) => !configs.has(digest)).length
    return { bytes, bytes_to_copy, layers, layers_to_copy, platforms: [...platforms] }
  }
}
