/** References: names of repositories, tags, and `REGISTRY/PATH:TAG@DIGEST` as people write them. */

import type { Digest } from './descriptor.ts'

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const ATTACHMENT = /^(sha256|sha512)-([a-f0-9]{64,128})(?:\..*)?$/
/** How many hex digits of a digest a tag holds: all of sha256, half of sha512. */
const TAG_DIGITS = 64

export function isRepositoryName(name: string): boolean {
  return name.length <= 255 && NAME.test(name)
}

/** A host as the first part of a repository's name, which has no colon: `hub.example.com_5000`. Undefined where it would not be known there. */
export function hostInName(host: string): string | undefined {
  const part = host.toLowerCase().replace(':', '_')
  return /\.|_\d+$/.test(part) && isRepositoryName(part) ? part : undefined
}

export function isTag(tag: string): boolean {
  return TAG.test(tag)
}

/** What a tag `sha256-<hex>` (an index of referrers) or `sha256-<hex>.<anything>` (a signature, an SBOM) hangs on; undefined for any other tag. Of a
 *  sha512 digest only the first 64 digits, as `cutDigest` gives them. */
export function attachmentSubject(tag: string): Digest | undefined {
  const [, algorithm, hex = ''] = ATTACHMENT.exec(tag) ?? []
  if (!algorithm || !isTag(tag) || (algorithm === 'sha256' && hex.length !== TAG_DIGITS)) return undefined
  return `${algorithm}:${hex.slice(0, TAG_DIGITS)}`
}

/** True for a tag that hangs on a digest. */
export function isAttachmentTag(tag: string): boolean {
  return attachmentSubject(tag) !== undefined
}

/** A digest in the form that `attachmentSubject` gives, for comparison. */
export function cutDigest(digest: Digest): Digest {
  const end = digest.indexOf(':') + 1 + TAG_DIGITS
  return digest.length <= end ? digest : (digest.slice(0, end) as Digest)
}

/** The tag for the index of a subject's referrers in a registry without a referrers API (distribution specification 1.1). */
export function fallbackTag(subject: Digest): string {
  return cutDigest(subject).replace(':', '-')
}

/** The name without its last path part, or undefined if it has only one. */
export function namespaceOf(repository: string): string | undefined {
  const slash = repository.lastIndexOf('/')
  return slash < 0 ? undefined : repository.slice(0, slash)
}

/** What one reference names, in a registry of a name or host. */
export interface Resource {
  readonly registry: string
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest?: string | undefined
}

/** `REGISTRY/REPOSITORY:TAG`, or `REGISTRY/REPOSITORY@DIGEST` without a tag. */
export function formatResource(resource: Resource): string {
  const path = resource.repository ? `${resource.registry}/${resource.repository}` : resource.registry
  if (resource.tag !== undefined) return `${path}:${resource.tag}`
  return resource.digest === undefined ? path : `${path}@${resource.digest}`
}
