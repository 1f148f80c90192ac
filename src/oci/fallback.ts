/** The index of a subject's referrers under the tag `sha256-<hex>`, for registries and layouts without an API for referrers.
 *
 *  https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema */

import type { Descriptor, Digest } from '../core/descriptor.ts'
import { UnsupportedError } from '../core/errors.ts'
import { contentsOf, descriptorOf, type Manifest, manifestOf, OCI_INDEX } from '../core/manifest.ts'
import { fallbackTag } from '../core/reference.ts'

/** Larger annotations of a referrer are not repeated in the index, in bytes of JSON: all referrers of a subject share the 4 MiB of one manifest. */
const MAX_ANNOTATIONS = 16 * 1024

/** What the index under a subject's fallback tag names; nothing if the tag holds something else. GitLab's registry answers that tag with the
 *  subject itself. */
export function referrersIn(index: Manifest | undefined, subject: Digest): readonly Descriptor[] {
  return isReferrersIndex(index, subject) ? contentsOf(index).manifests : []
}

/** False for anything else that a fallback tag may hold. */
export function isReferrersIndex<T extends Pick<Manifest, 'mediaType' | 'digest'>>(
  found: T | undefined,
  subject: Digest,
): found is T {
  return found !== undefined && found.mediaType === OCI_INDEX && found.digest !== subject
}

/** The index with `referrer` added; undefined if it is listed already. Entries are sorted by digest, so that the result does not depend on the order
 *  in which referrers arrive. Everything else in the index is kept. Throws an `UnsupportedError` if the tag holds another image. */
export function withReferrer(current: Manifest | undefined, subject: Digest, referrer: Manifest): Manifest | undefined {
  if (current && current.digest !== subject && current.mediaType !== OCI_INDEX) {
    const tag = fallbackTag(subject)
    throw new UnsupportedError(
      `referrers of ${subject} cannot be listed: the tag ${tag} holds a ${current.mediaType}, not an index of referrers`,
      { hint: `if nothing needs what the tag ${tag} holds, delete that tag at the destination` },
    )
  }
  const index = isReferrersIndex(current, subject) ? current : undefined
  const entries = index ? contentsOf(index).manifests : []
  if (entries.some(({ digest }) => digest === referrer.digest)) return undefined
  return rewritten(index, (manifests) => [...manifests, entryOf(referrer)])
}

/** The index without `referrer`; undefined if the index does not name it, `empty` if it names nothing else. */
export function withoutReferrer(index: Manifest, referrer: Digest): Manifest | 'empty' | undefined {
  const entries = contentsOf(index).manifests
  if (!entries.some(({ digest }) => digest === referrer)) return undefined
  if (entries.every(({ digest }) => digest === referrer)) return 'empty'
  return rewritten(index, (manifests) => manifests.filter((entry) => digestOf(entry) !== referrer))
}

/** The descriptor that a referrers API would give. */
export function entryOf(manifest: Manifest): Descriptor {
  const { artifactType, annotations } = contentsOf(manifest)
  const isSmall = annotations && JSON.stringify(annotations).length <= MAX_ANNOTATIONS
  return {
    ...descriptorOf(manifest),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(isSmall ? { annotations } : {}),
  }
}

/** Keeps every field, including unknown ones. */
function rewritten(
  index: Manifest | undefined,
  change: (manifests: readonly unknown[]) => readonly unknown[],
): Manifest {
  const json: Record<string, unknown> = index
    ? JSON.parse(Buffer.from(index.bytes).toString('utf8'))
    : { schemaVersion: 2, mediaType: OCI_INDEX }
  const entries = Array.isArray(json.manifests) ? json.manifests : []
  const manifests = [...change(entries)].sort((a, b) => (digestOf(a) < digestOf(b) ? -1 : 1))
  return manifestOf(Buffer.from(JSON.stringify({ ...json, manifests })), OCI_INDEX)
}

/** The entry was checked by `contentsOf`. */
function digestOf(entry: unknown): string {
  return typeof entry === 'object' && entry !== null && 'digest' in entry ? String(entry.digest) : ''
}
