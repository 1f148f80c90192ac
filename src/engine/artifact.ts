/** What a manifest is to a policy: its type, and whether it has what is wanted. */

import { contentsOf, HELM_CONFIG, isIndex, type Manifest } from '../core/manifest.ts'
import type { ResourceType } from '../core/policy.ts'
import type { Selection } from './plan/filter.ts'

export function resourceTypeOf(manifest: Manifest): ResourceType {
  if (isIndex(manifest.mediaType)) return 'image'
  return contentsOf(manifest).artifactType === HELM_CONFIG ? 'chart' : 'image'
}

export function lacksPlatforms(manifest: Manifest, wanted: NonNullable<Selection['platform']>): boolean {
  if (!isIndex(manifest.mediaType)) return false
  const children = contentsOf(manifest).manifests
  return children.length > 0 && !children.some((child) => isIndex(child.mediaType) || wanted(child.platform))
}
