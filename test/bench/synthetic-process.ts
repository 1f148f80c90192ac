/** A registry that makes its content and one that drops it, in a process of its own: no disk, no hash, one copy in the kernel. */

import { createHash } from 'node:crypto'
import { computeDigest, OCI_MANIFEST } from '../../src/core/manifest.ts'
import { randomBytes } from '../support/random.ts'
import { listenRaw, type RawCounts, type RawReply, type RawRequest } from './raw-http.ts'

/** Given as JSON in the first argument. */
export interface SyntheticOptions {
  readonly role: 'source' | 'sink'
  readonly layers: number
  /** Of each layer: whole MiB, or less than one. */
  readonly size: number
  /** How many repositories `bench/0`, `bench/1` … there are. Default 1. */
  readonly repositories?: number
  /** How many tags `v0`, `v1` … each repository has. Default 1. */
  readonly tags?: number
  /** What has an image of its own. Absent: all tags are of one image. */
  readonly distinct?: 'repository' | 'tag'
  /** The size of one more layer, which ten images have in common. */
  readonly shared?: number
}

const BLOCK = 1 << 20
const EMPTY = Buffer.from('{}')
const options: SyntheticOptions = JSON.parse(process.argv[2] ?? '{}')
const counts: RawCounts = { bytesIn: 0, bytesOut: 0, requests: 0 }
const blobs = new Map<string, NonNullable<RawReply['body']>>([[computeDigest(EMPTY), EMPTY]])
/** What the source has: by its number, and by digest. */
const images = new Map<number, Buffer>()
const manifests = new Map<string, Buffer>()
/** What the sink was given. */
const written = new Map<string, Buffer>()
/** Sizes of blobs that the sink was given, by `repository@digest`, and of what upload sessions have so far. */
const sizes = new Map<string, number>()
const sessions = new Map<string, number>()
let begun = 0
if (options.role === 'source') makeImages()
const port = await listenRaw(options.role === 'source' ? answerSource : answerSink, counts)

process.send?.({ url: `http://127.0.0.1:${port}` })
process.on('message', () => process.send?.({ ...counts, memory: process.memoryUsage().rss }))
process.once('disconnect', () => process.exit(0))

function makeImages(): void {
  const { repositories = 1, tags = 1, distinct, layers, size, shared } = options
  const count = { repository: repositories, tag: repositories * tags }[distinct ?? 'tag']
  for (let number = 0; number < (distinct === undefined ? 1 : count); number += 1) {
    const base = shared === undefined ? [] : [makeLayer(shared, `base ${Math.floor(number / 10)}`)]
    const own = Array.from({ length: layers }, (_, layer) => makeLayer(size, `${number} layer ${layer}`))
    const manifest = makeImage([...base, ...own])
    images.set(number, manifest)
    manifests.set(computeDigest(manifest), manifest)
  }
}

interface Layer {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** One block again and again. */
function makeLayer(size: number, seed: string): Layer {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip'
  const block = randomBytes(Math.min(BLOCK, size), seed)
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += block.byteLength) hash.update(block)
  const digest = `sha256:${hash.digest('hex')}`
  blobs.set(digest, { block, size })
  return { mediaType, digest, size }
}

function makeImage(layers: readonly Layer[]): Buffer {
  const config = {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: computeDigest(EMPTY),
    size: EMPTY.byteLength,
  }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
}

function manifestAt(path: string): Buffer | undefined {
  const [, repository = '0', reference = ''] = /bench\/(\d+)\/manifests\/(.+)$/.exec(path) ?? []
  const tag = /^v(\d+)$/.exec(reference)?.[1]
  if (tag === undefined) return manifests.get(reference)
  if (options.distinct === undefined) return images.get(0)
  return images.get(
    options.distinct === 'repository'
      ? Number(repository)
      : Number(tag) * (options.repositories ?? 1) + Number(repository),
  )
}

function answerSource({ path, headers }: RawRequest): RawReply {
  const url = new URL(path, 'http://x')
  if (url.pathname === '/v2/') return { status: 200 }
  if (url.pathname === '/v2/_catalog') return list('repositories', 'bench/', options.repositories ?? 1, url)
  if (url.pathname.endsWith('/tags/list')) return list('tags', 'v', options.tags ?? 1, url)
  if (url.pathname.includes('/manifests/')) {
    const manifest = manifestAt(url.pathname)
    if (!manifest) return { status: 404 }
    const digest = computeDigest(manifest)
    return { status: 200, headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }, body: manifest }
  }
  const body = blobs.get(url.pathname.split('/').at(-1) ?? '')
  if (!body) return { status: 404 }
  const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0)
  if (from === 0 || !('block' in body)) return { status: 200, body }
  const range = `bytes ${from}-${body.size - 1}/${body.size}`
  // A range that begins within a block is not needed by any corpus.
  return { status: 206, headers: { 'content-range': range }, body: { ...body, size: body.size - from } }
}

function answerSink({ method, path, headers, body }: RawRequest): RawReply {
  const url = new URL(path, 'http://x')
  if (url.pathname === '/v2/') return { status: 200 }
  const [, repository = '', kind = '', name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(url.pathname) ?? []
  if (kind === 'manifests') return answerManifest(method, url, name, body)
  if (method === 'POST') return beginUpload(repository, url)
  if (method === 'PATCH' || method === 'PUT') {
    const size = (sessions.get(name) ?? 0) + Number(headers['content-length'] ?? 0)
    sessions.set(name, size)
    if (method === 'PATCH') return { status: 202, headers: { location: url.pathname } }
    sessions.delete(name)
    sizes.set(`${repository}@${url.searchParams.get('digest')}`, size)
    return { status: 201, headers: { location: url.pathname } }
  }
  const size = sizes.get(`${repository}@${name}`)
  if (method === 'HEAD' && size !== undefined) return { status: 200, headers: { 'content-length': String(size) } }
  return NOT_FOUND
}

const NOT_FOUND: RawReply = { status: 404, body: Buffer.from('{"errors":[{"code":"NAME_UNKNOWN"}]}') }

function answerManifest(method: string, { pathname }: URL, reference: string, body: Buffer): RawReply {
  const manifest = method === 'PUT' ? body : written.get(reference)
  if (!manifest) return NOT_FOUND
  const digest = computeDigest(manifest)
  written.set(digest, manifest)
  if (method === 'PUT') return { status: 201, headers: { location: pathname, 'docker-content-digest': digest } }
  return { status: 200, headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }, body: manifest }
}

function beginUpload(repository: string, { pathname, searchParams }: URL): RawReply {
  const digest = searchParams.get('mount')
  const size = sizes.get(`${searchParams.get('from')}@${digest}`)
  if (size !== undefined) {
    sizes.set(`${repository}@${digest}`, size)
    return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}` } }
  }
  begun += 1
  return { status: 202, headers: { location: `${pathname}session-${begun}`, range: '0-0' } }
}

/** A page of names, by `n` and `last`, with the link to the next. */
function list(key: string, prefix: string, total: number, url: URL): RawReply {
  const size = Number(url.searchParams.get('n') ?? total)
  const last = url.searchParams.get('last')
  const first = last === null ? 0 : Number(last.slice(prefix.length)) + 1
  const names = Array.from({ length: Math.min(size, total - first) }, (_, at) => `${prefix}${first + at}`)
  const end = first + names.length
  const link =
    end < total
      ? { link: `<${url.pathname}?n=${size}&last=${encodeURIComponent(names.at(-1) ?? '')}>; rel="next"` }
      : undefined
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...link },
    body: Buffer.from(JSON.stringify({ name: 'x', [key]: names })),
  }
}
