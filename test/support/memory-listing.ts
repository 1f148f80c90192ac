/** Lists of the registry in memory: catalogue, tags and referrers, with the ways of paging that real ones have. */

import { OCI_INDEX } from '../../src/core/manifest.ts'
import { referencesOf } from './memory-manifests.ts'
import type { Call, Reply } from './memory-registry.ts'
import { json, Refusal } from './memory-reply.ts'

const MAX_PAGE = 1000
const CATALOG_PAGE = 100

export function listCatalog(call: Call): Reply {
  if (call.state.options.catalog === 401) throw new Refusal(401, 'UNAUTHORIZED', 'authentication required')
  const names = [...call.state.repositories.keys()].sort()
  const { entries, headers } = pageOf(call, names, CATALOG_PAGE)
  return json(200, { repositories: entries }, headers)
}

export function listTags(call: Call, name: string): Reply {
  const { options, repositories } = call.state
  const repository = repositories.get(name)
  // Blobs alone make no repository that could be listed.
  const { manifests, blobs, tags } = repository ?? {}
  if (!tags || (blobs?.size && !manifests?.size && !tags.size)) {
    throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } })
  }
  const all = [...tags.keys()]
  const { entries, headers } = options.ignoreN ? { entries: all, headers: {} } : pageOf(call, all.sort(), undefined)
  return json(200, { name, tags: entries.length === 0 && options.tagsNull ? null : entries }, headers)
}

export function listReferrers(call: Call, name: string, subject: string): Reply {
  const wanted = call.url.searchParams.get('artifactType')
  const found: Record<string, unknown>[] = []
  for (const [digest, { mediaType, bytes }] of call.state.repositories.get(name)?.manifests ?? []) {
    const references = referencesOf(mediaType, bytes)
    if (references.subject !== subject) continue
    if (wanted !== null && references.artifactType !== wanted) continue
    const { artifactType, annotations } = references
    found.push({ mediaType, digest, size: bytes.byteLength, artifactType, annotations })
  }
  const names = found.map(({ digest }) => String(digest)).sort()
  const { entries, headers } = pageOf(call, names, undefined)
  const manifests = entries.map((digest) => found.find((descriptor) => descriptor.digest === digest))
  return json(
    200,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
    {
      ...headers,
      'content-type': OCI_INDEX,
      ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }),
    },
  )
}

interface Page {
  readonly entries: readonly string[]
  readonly headers: Readonly<Record<string, string>>
}

/** `usual`: the length of a page where the request names none and the registry no cap. */
function pageOf(call: Call, sorted: readonly string[], usual: number | undefined): Page {
  const { options } = call.state
  const n = lengthOf(call, usual)
  const last = cursorOf(call)
  if (last !== undefined && options.lastMustExist && !sorted.includes(last)) {
    throw new EmptyNotFound()
  }
  const rest = last === undefined || options.link === 'loop' ? sorted : sorted.filter((entry) => entry > last)
  if (n === undefined) return { entries: rest, headers: {} }
  const entries = rest.slice(0, n)
  const end = entries.at(-1)
  // A link is given whenever the page is full, so the last page may be empty; that is how distribution does it.
  if (entries.length < n || end === undefined || options.link === 'none') return { entries, headers: {} }
  return { entries, headers: { link: linkTo(call, n, end) } }
}

class EmptyNotFound extends Refusal {
  override readonly reply: Reply = { status: 404, body: Buffer.alloc(0) }
  constructor() {
    super(404, 'NAME_UNKNOWN', 'unknown last')
  }
}

function lengthOf(call: Call, usual: number | undefined): number | undefined {
  const { pageSize } = call.state.options
  const asked = call.url.searchParams.get('n')
  if (asked === null) {
    // Without links nobody could know that there is more, so there is no page that nobody asked for.
    if (call.state.options.link === 'none') return undefined
    return pageSize === undefined ? usual : Math.min(pageSize, usual ?? pageSize)
  }
  const n = /^\d+$/.test(asked) ? Number(asked) : Number.NaN
  if (!(n <= (pageSize ?? MAX_PAGE))) {
    throw new Refusal(400, 'PAGINATION_NUMBER_INVALID', 'invalid number of results requested', { detail: { n: asked } })
  }
  return n
}

function cursorOf(call: Call): string | undefined {
  const opaque = call.url.searchParams.get('next_page')
  if (opaque !== null) return Buffer.from(opaque, 'base64url').toString('utf8')
  return call.url.searchParams.get('last') ?? undefined
}

function linkTo(call: Call, n: number, last: string): string {
  const { options, url } = call.state
  const { pathname, searchParams } = call.url
  if (options.link === 'loop') return `<${call.url.pathname}${call.url.search}>; rel="next"`
  const query = new URLSearchParams()
  const artifactType = searchParams.get('artifactType')
  if (artifactType !== null) query.set('artifactType', artifactType)
  if (options.link === 'opaque') query.set('next_page', Buffer.from(last).toString('base64url'))
  else query.set('last', last)
  query.set('n', String(n))
  const target = `${pathname}?${query}`
  return options.link === 'absolute' ? `<${url}${target}>; rel=next` : `<${target}>; rel="next"`
}
