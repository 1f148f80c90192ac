/** What a request asks for, read from its path and query. */

import { type Digest, looksLikeDigest, parseDigest } from '../../../core/descriptor.ts'
import { isRepositoryName, isTag } from '../../../core/reference.ts'
import { Refusal } from '../refusal.ts'

export type Asked =
  | { readonly kind: 'base' }
  | { readonly kind: 'token' }
  | { readonly kind: 'manifest'; readonly name: string; readonly tag: string; readonly digest?: undefined }
  | { readonly kind: 'manifest'; readonly name: string; readonly digest: Digest; readonly tag?: undefined }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'tags'; readonly name: string; readonly most: number; readonly after: string | undefined }
  | {
      readonly kind: 'referrers'
      readonly name: string
      readonly digest: Digest
      readonly type: string | undefined
      readonly after: string | undefined
    }

/** Where the gateway's own token service answers. */
export const TOKEN_PATH = '/v2/token'

/** Tags of one page, unless the client wants fewer. */
const TAGS_PAGE = 1000

const PATHS = {
  manifest: /^\/v2\/(.+)\/manifests\/([^/]+)$/,
  blob: /^\/v2\/(.+)\/blobs\/([^/]+)$/,
  tags: /^\/v2\/(.+)\/tags\/list$/,
  referrers: /^\/v2\/(.+)\/referrers\/([^/]+)$/,
} as const

/** Throws a `Refusal` for what no registry has. `url`: the path with its query, as it was sent. */
export function askedBy(url: string): Asked {
  const mark = url.indexOf('?')
  const path = decoded(mark < 0 ? url : url.slice(0, mark))
  if (path === '/v2' || path === '/v2/') return { kind: 'base' }
  if (path === TOKEN_PATH) return { kind: 'token' }
  const tags = PATHS.tags.exec(path)
  if (tags) return { kind: 'tags', name: nameOf(tags), ...pageOf(queryOf(url)) }
  const manifest = PATHS.manifest.exec(path)
  if (manifest) {
    const reference = manifest[2] ?? ''
    if (looksLikeDigest(reference)) return { kind: 'manifest', name: nameOf(manifest), digest: digestOf(reference) }
    if (isTag(reference)) return { kind: 'manifest', name: nameOf(manifest), tag: reference }
    throw new Refusal(404, 'MANIFEST_UNKNOWN', 'neither a tag nor a digest')
  }
  const blob = PATHS.blob.exec(path)
  if (blob) return { kind: 'blob', name: nameOf(blob), digest: digestOf(blob[2]) }
  const referrers = PATHS.referrers.exec(path)
  if (referrers) {
    const query = queryOf(url)
    const [type, after] = [query.get('artifactType') ?? undefined, query.get('last') ?? undefined]
    return { kind: 'referrers', name: nameOf(referrers), digest: digestOf(referrers[2]), type, after }
  }
  throw new Refusal(404, 'UNSUPPORTED', 'the gateway answers manifests, blobs, tags/list and referrers')
}

/** The host that the client means, as containerd says it of a mirror for many. */
export function namespaceIn(url: string): string | undefined {
  return url.includes('?') ? (queryOf(url).get('ns') ?? undefined) : undefined
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new Refusal(404, 'NAME_INVALID', 'the path is not a valid URL')
  }
}

function nameOf(match: RegExpExecArray): string {
  const name = match[1] ?? ''
  if (!isRepositoryName(name)) throw new Refusal(404, 'NAME_INVALID', 'not a repository name')
  return name
}

function digestOf(text = ''): Digest {
  const digest = parseDigest(text)
  if (digest) return digest
  throw new Refusal(400, 'DIGEST_INVALID', 'neither a sha256 nor a sha512 digest')
}

function pageOf(query: URLSearchParams): { readonly most: number; readonly after: string | undefined } {
  const n = query.get('n')
  const most = n !== null && /^\d{1,9}$/.test(n) ? Math.min(Number(n), TAGS_PAGE) : TAGS_PAGE
  return { most, after: query.get('last') ?? undefined }
}
