/** A tag of a filter that stands for one digest, whatever the source's tag points at: `1.36@sha256:…`. */

import { type Digest, parseDigest } from './descriptor.ts'
import { isTag } from './reference.ts'

export interface PinnedTag {
  readonly tag: string
  readonly digest: Digest
}

/** Undefined for what pins no digest: a tag, or a pattern of tags. The tag may have the `+` of a chart's version. */
export function pinnedTag(text: string): PinnedTag | undefined {
  const at = text.indexOf('@')
  const tag = text.slice(0, Math.max(at, 0))
  const digest = parseDigest(text.slice(at + 1))
  return digest && isTag(tag.replaceAll('+', '_')) ? { tag, digest } : undefined
}
