/** References: names of repositories, tags, and `REGISTRY/PATH:TAG@DIGEST` as people write them. */

const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const ATTACHMENT = /^sha(256-[a-f0-9]{64}|512-[a-f0-9]{64,128})(\.[a-z]+)?$/

export function isRepositoryName(name: string): boolean {
  return name.length <= 255 && NAME.test(name)
}

export function isTag(tag: string): boolean {
  return TAG.test(tag)
}

/** True for tags that hold a referrer (`sha256-….sig`, the fallback index `sha256-…`) and not an image of its own. */
export function isAttachmentTag(tag: string): boolean {
  return ATTACHMENT.test(tag)
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
