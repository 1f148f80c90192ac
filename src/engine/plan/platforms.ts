/** Platforms that a policy wants and that no image turns out to have. */

import { contentsOf, isIndex, type Manifest } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { Policy } from '../../core/policy.ts'
import { platformFilter } from '../../transfer/children.ts'
import type { Endpoint } from '../endpoint.ts'
import { MISSING } from './missing.ts'

export interface WantedPlatforms {
  /** An image was read. One without an index does not say its platform. */
  saw(manifest: Manifest): void
  /** An index was looked at, and has nothing that is wanted. */
  sawNone(): void
  /** An image was not read: it may have every platform. */
  passedOver(): void
  /** A platform has not been seen yet, and whether any image has it must be known. */
  readonly mustKnow: boolean
  /** A failed task for each platform that is known to be missing. */
  tasks(source: Endpoint, destination: Endpoint): readonly TaskSpec[]
}

export function createWantedPlatforms({ filters: { platforms = [] }, missing }: Policy): WantedPlatforms {
  const lacking = new Map(platforms.map((platform) => [platform, platformFilter([platform])]))
  let indexes = 0
  let passed = 0
  return {
    saw(manifest) {
      if (lacking.size === 0 || !isIndex(manifest.mediaType)) return
      indexes += 1
      for (const child of contentsOf(manifest).manifests) {
        // What is in a nested index is not known here.
        if (isIndex(child.mediaType)) passed += 1
        for (const [platform, isPlatform] of lacking) if (isPlatform(child.platform)) lacking.delete(platform)
      }
    },
    sawNone() {
      indexes += 1
    },
    passedOver() {
      passed += 1
    },
    get mustKnow() {
      return missing === 'fail' && lacking.size > 0
    },
    tasks(source, destination) {
      if (indexes === 0 || passed > 0) return []
      const { name } = source.registry
      return [...lacking.keys()].map((platform) => ({
        action: 'blocked',
        resource_type: 'image',
        source: { registry: name, repository: '' },
        destination: { registry: destination.registry.name, repository: '' },
        reason: `source ${name}: no image that the policy selects has the platform ${platform}`,
        reason_code: MISSING,
        hint: 'check how it is spelled, or leave it out of `platforms`',
      }))
    },
  }
}
