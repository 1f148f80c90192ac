/** A registry that makes its content and one that drops it, in a process of its own: no disk, no hash, one copy in the kernel. */

import { createHash } from 'node:crypto'
import { computeDigest, OCI_MANIFEST } from '../../src/core/manifest.ts'
import { randomBytes } from '../support/random.ts'
import { listenRaw, type RawCounts, type RawReply, type RawRequest } from './raw-http.ts'

/** Given as JSON in the first argument. */
export interface SyntheticOptions {
  readonly role: 'source' | 'sink'
  readonly layers: number
  /** Of each layer, whole MiB. */
  readonly size: number
  /** How many repositories `bench/0`, `bench/1` … there are. Default 1. */
  readonly repositories?: number
  /** How many tags `v0`, `v1` … each repository has, all of the same image. Default 1. */
  readonly tags?: number
}

const BLOCK = 1 << 20
const EMPTY = Buffer.from('{}')
const options: SyntheticOptions = JSON.parse(process.argv[2] ?? '{}')
const counts: RawCounts = { bytesIn: 0, bytesOut: 0, requests: 0 }
const blobs = new Map<string, NonNullable<RawReply['body']>>([[computeDigest(EMPTY), EMPTY]])
const written = new Map<string, Buffer>()
const manifest = options.role === 'source' ? makeImage() : EMPTY
const port = await listenRaw(options.role === 'source' ? answerSource : answerSink, counts)

process.send?.({ url: `http://127.0.0.1:${port}` })
process.on('message', () => process.send?.({ ...counts, memory: process.memoryUsage().rss }))
process.once('disconnect', () => process.exit(0))

function makeImage(): Buffer {
  const layers = []
  for (let layer = 0; layer < options.layers; layer += 1) {
    const block = randomBytes(BLOCK, `layer ${layer}`)
    const hash = createHash('sha256')
    for (let at = 0; at < options.size; at += BLOCK) hash.update(block)
    const digest = `sha256:${hash.digest('hex')}`
    blobs.set(digest, { block, size: options.size })
    layers.push({ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: options.size })
  }
  const config = {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: computeDigest(EMPTY),
    size: EMPTY.byteLength,
  }
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }))
}

function answerSource({ path, headers }: RawRequest): RawReply {
  const url = new URL(path, 'http://x')
  if (url.pathname === '/v2/') return { status: 200 }
  if (url.pathname === '/v2/_catalog') return list('repositories', 'bench/', options.repositories ?? 1, url)
  if (url.pathname.endsWith('/tags/list')) return list('tags', 'v', options.tags ?? 1, url)
  if (url.pathname.includes('/manifests/v') || url.pathname.includes('/manifests/sha256:')) {
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

function answerSink({ method, path, body }: RawRequest): RawReply {
  const url = new URL(path, 'http://x')
  if (url.pathname === '/v2/') return { status: 200 }
  if (method === 'POST') return { status: 202, headers: { location: `${url.pathname}session`, range: '0-0' } }
  if (method === 'PATCH') return { status: 202, headers: { location: url.pathname } }
  if (method === 'PUT' && url.pathname.includes('/manifests/')) {
    const digest = computeDigest(body)
    written.set(digest, body)
    return { status: 201, headers: { location: url.pathname, 'docker-content-digest': digest } }
  }
  if (method === 'PUT') return { status: 201, headers: { location: url.pathname } }
  const known = written.get(url.pathname.split('/').at(-1) ?? '')
  if (known) {
    const digest = computeDigest(known)
    return { status: 200, headers: { 'content-type': OCI_MANIFEST, 'docker-content-digest': digest }, body: known }
  }
  return { status: 404, body: Buffer.from('{"errors":[{"code":"NAME_UNKNOWN"}]}') }
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
