/** What a policy needs to bring the images that its charts name; it comes in from outside, as it reads charts and opens registries. */

import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { PrepareError } from '../../core/errors.ts'
import type { Manifest } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { KnownImages } from '../../history/chart-images.ts'
import type { Endpoint } from '../endpoint.ts'

export interface ImageTools {
  /** What finds images, with its settings: what it has found once is found again as long as this is the same. */
  readonly key: string
  /** Reads the chart that `digest` names at its store, if it is one. Throws where it cannot be read. */
  find(digest: Digest, store: ContentStore, manifest: () => Promise<Manifest>, ctx: Context): Promise<KnownImages>
  /** Warnings that were given: the destinations of a policy share its charts. */
  readonly told: Set<string>
  /** What the configuration calls the registry at a host; else the host itself. */
  registryAt(host: string): string
  /** That registry, once for all that ask. Throws where the chart's registry must not name it. */
  open(registry: string): Promise<Endpoint>
}

/** Where a task reads: the policy's source, or the registry of an image that a chart names. */
export async function sourceOf(
  task: Pick<TaskSpec, 'source'>,
  source: Endpoint,
  images: ImageTools | undefined,
): Promise<Endpoint> {
  const { registry } = task.source
  if (registry === source.registry.name) return source
  if (images) return images.open(registry)
  throw new PrepareError(`a task reads from ${registry}, which is not the source of its policy`, {
    hint: 'make the plan again with `replicate plan --out`',
  })
}
