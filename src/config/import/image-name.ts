/** Names of images as Docker and its kin read them: `alpine`, `quay.io/org/app:1.0`, `host:5000/app@sha256:…`. */

import { parseDigest } from '../../core/descriptor.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'

export interface ImageName {
  readonly host: string
  /** The repository's whole name; on Docker Hub with its `library/`. */
  readonly path: string
  readonly tag?: string
  readonly digest?: string
}

const DOCKER_HUB = /^(docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.hub\.docker\.com)$/

/** Undefined if `text` does not name an image. */
export function parseImageName(text: string): ImageName | undefined {
  const [, named = '', digest] = /^([^@]*)(?:@(.+))?$/s.exec(text) ?? []
  if (digest !== undefined && !parseDigest(digest)) return undefined
  const [, whole = '', tag] = /^(.*?)(?::([^/:]*))?$/s.exec(named) ?? []
  if (tag !== undefined && !isTag(tag)) return undefined
  const slash = whole.indexOf('/')
  const first = whole.slice(0, Math.max(slash, 0))
  const hosted = /[.:]|^localhost$/.test(first)
  const host = knownHost(hosted ? first : 'docker.io')
  const path = repositoryAt(host, hosted ? whole.slice(slash + 1) : whole)
  if (!isRepositoryName(path)) return undefined
  return { host, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}

/** Docker Hub has several names. */
export function knownHost(host: string): string {
  return DOCKER_HUB.test(host) ? 'docker.io' : host
}

/** On Docker Hub a name of one part lies in `library`. */
export function repositoryAt(host: string, path: string): string {
  return host === 'docker.io' && !path.includes('/') ? `library/${path}` : path
}
