/** References to images as charts write them: a name without a host is Docker Hub's. */

import { type Digest, parseDigest } from '../../core/descriptor.ts'
import type { NamedImage } from '../../core/images.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'

const LONGEST = 1024
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::(\d{1,5}))?$/
const DOCKER_HUB = 'docker.io'
/** Other names of Docker Hub. */
const ALIASES: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'])

/** As it is written: the tag may be missing. */
export interface WrittenImage extends Omit<NamedImage, 'tag'> {
  readonly tag?: string
}

/** Undefined for what is not a reference. */
export function parseImage(text: string): WrittenImage | undefined {
  const trimmed = text.trim()
  if (trimmed.length > LONGEST) return undefined
  const [name = '', hash, ...more] = trimmed.split('@')
  if (more.length > 0) return undefined
  const digest = hash === undefined ? undefined : parseDigest(hash)
  if (hash !== undefined && !digest) return undefined
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isHost = /[.:]/.test(first) || first === 'localhost'
  const rest = isHost ? name.slice(slash + 1) : name
  const colon = rest.indexOf(':')
  const tag = colon < 0 ? undefined : rest.slice(colon + 1)
  return imageOf(isHost ? first : DOCKER_HUB, colon < 0 ? rest : rest.slice(0, colon), tag, digest)
}

/** Undefined where a part is not what it should be. */
function imageOf(
  written: string,
  path: string,
  tag: string | undefined,
  digest: Digest | undefined,
): WrittenImage | undefined {
  const lower = written.toLowerCase()
  const host = ALIASES.has(lower) ? DOCKER_HUB : lower
  const repository = host === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path
  const port = HOST.exec(host)?.[1]
  // Numbers that are not an address, such as 1.2.3.4.5.
  if (!HOST.test(host) || port === '0' || !URL.canParse(`https://${host}`)) return undefined
  if (!isRepositoryName(repository) || (tag !== undefined && !isTag(tag))) return undefined
  return { host, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) }
}
