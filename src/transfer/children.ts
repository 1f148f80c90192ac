/** Which children of an index belong to the platforms that are wanted. */

import type { Descriptor, Platform } from '../core/descriptor.ts'
import { isIndex } from '../core/manifest.ts'

/** True for a platform that is wanted. An entry may have none. */
export type KeepPlatform = (platform: Platform | undefined) => boolean

/** Names the manifest that an attestation of BuildKit is about; its own platform is `unknown/unknown`. */
const ATTESTED = 'vnd.docker.reference.digest'

/** Those to keep, in their order: of a wanted platform, nested indexes (to be looked into), and attestations of what is kept. */
export function wantedChildren(children: readonly Descriptor[], keep: KeepPlatform | undefined): readonly Descriptor[] {
  if (!keep) return children
  const isKept = (child: Descriptor): boolean => isIndex(child.mediaType) || keep(child.platform)
  const kept = new Set<string>(children.filter(isKept).map((child) => child.digest))
  return children.filter((child) => isKept(child) || kept.has(child.annotations?.[ATTESTED] ?? ''))
}
