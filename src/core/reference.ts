/** References: names of repositories, tags, and `REGISTRY/PATH:TAG@DIGEST` as people write them. */

import type { Digest } from './descriptor.ts'

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const ATTACHMENT = /^(sha256|sha512)-([a-f0-9]{64,128})(?:\..*)?$/
/** What of a digest's hex digits fits into a tag: those of sha256 all do. */
const TAG_DIGITS = 64

export function isRepositoryName(name: string): boolean {
  return name.length <= 255 && NAME.test(name)
}

export function isTag(tag: string): boolean {
  return TAG.test(tag)
}

/** The digest of what a tag of the form `sha256-<hex>` or `sha256-<hex>.<anything>` hangs on: the index of its referrers, a signature, an
 *  SBOM. Undefined for every other tag. Of a sha512 digest only the first 64 digits, as `cutDigest` gives them. */
export function attachmentSubject(tag: string): Digest | undefined {
  const [, algorithm, hex = ''] = ATTACHMENT.exec(tag) ?? []
  if (!algorithm || !isTag(tag) || (algorithm === 'sha256' && hex.length !== TAG_DIGITS)) return undefined
  return `${algorithm}:${hex.slice(0, TAG_DIGITS)}`
}

/** True for tags that hang on something by its digest. */
export function isAttachmentTag(tag: string): boolean {
  return attachmentSubject(tag) !== undefined
}

/** A digest as `attachmentSubject` gives it, to compare with. */
export function cutDigest(digest: Digest): Digest {
  const end = digest.indexOf(':') + 1 + TAG_DIGITS
  return digest.length <= end ? digest : (digest.slice(0, end) as Digest)
}

/** The tag that holds the index of a subject's referrers where there is no API for them (distribution specification 1.1). */
export function fallbackTag(subject: Digest): string {
  return cutDigest(subject).replace(':', '-')
}

/** The path without its last part, or undefined for a name of one part. */
export function namespaceOf(repository: string): string | undefined {
  const slash = repository.lastIndexOf('/')
  return slash < 0 ? undefined : repository.slice(0, slash)
}

/** `REGISTRY/REPOSITORY:TAG`, or `@DIGEST` where there is no tag. */
export function formatResource(resource: {
  readonly registry: string
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest?: string | undefined
}): string {
  const path = resource.repository ? `${resource.registry}/${resource.repository}` : resource.registry
  if (resource.tag !== undefined) return `${path}:${resource.tag}`
  return resource.digest === undefined ? path : `${path}@${resource.digest}`
}
