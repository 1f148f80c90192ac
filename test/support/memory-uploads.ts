/** Uploads of the registry in memory: sessions whose Location changes with every step and whose order is kept. */

import { createHash, type Hash, randomUUID } from 'node:crypto'
import { digestParts, parseDigest } from '../../src/core/descriptor.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import type { Call, Reply, StoredBlob } from './memory-registry.ts'
import { Refusal, text } from './memory-reply.ts'

/** An open upload. */
export interface Upload {
  readonly repository: string
  readonly id: string
  /** Bytes received. */
  offset: number
  /** Of these, how many a client is told of where the registry lags. */
  told: number
  /** Names the only Location that may be written to. */
  state: string
  /** A chunk below the minimum came: only the end may follow. */
  ended: boolean
  readonly chunks: Buffer[]
  readonly hash: Hash
}

export async function startUpload(call: Call, name: string): Promise<Reply> {
  const { state } = call
  const query = call.url.searchParams
  if (call.headers['content-length'] === undefined) {
    throw new Refusal(411, 'SIZE_INVALID', 'POST without Content-Length')
  }
  const mounted = mount(call, name, query.get('mount'), query.get('from'))
  if (mounted) return mounted
  const upload: Upload = {
    repository: name,
    id: randomUUID(),
    offset: 0,
    told: 0,
    state: randomUUID(),
    ended: false,
    chunks: [],
    hash: createHash('sha256'),
  }
  state.uploads.set(upload.id, upload)
  if (query.has('digest') && state.options.singlePost) return finish(call, upload)
  const minimum = state.options.chunkMinLength
  return progress(call, upload, 202, minimum === undefined ? {} : { 'oci-chunk-min-length': String(minimum) })
}

/** PATCH, PUT, GET and DELETE of a session. */
export async function uploadRequest(call: Call, name: string, id: string): Promise<Reply> {
  const upload = call.state.uploads.get(id)
  if (!upload || upload.repository !== name) {
    throw new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
  }
  switch (call.method) {
    case 'GET':
      upload.told = Math.min(upload.offset, upload.told + (call.state.options.lag ?? 0))
      return progress(call, upload, 204)
    case 'DELETE':
      call.state.uploads.delete(id)
      return { status: 204 }
    case 'PATCH':
      checkState(call, upload)
      if (call.headers['content-type'] !== 'application/octet-stream') {
        throw new Refusal(500, 'UNKNOWN', 'bad Content-Type')
      }
      await receive(call, upload)
      return progress(call, upload, 202)
    case 'PUT':
      checkState(call, upload)
      return finish(call, upload)
    default:
      throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
  }
}

/** A Location as the options want it. */
export function locationOf(call: Call, path: string): string {
  return call.state.options.location === 'absolute' ? `${call.state.url}${path}` : path
}

function mount(call: Call, name: string, mounted: string | null, from: string | null): Reply | undefined {
  const digest = parseDigest(mounted ?? '')
  if (mounted === null) return undefined
  if (!digest) throw new Refusal(400, 'DIGEST_INVALID', `${mounted} is not a digest`)
  const how = call.state.options.mount ?? 201
  if (how >= 400) throw new Refusal(how, 'DENIED', 'requested access to the resource is denied')
  const blob = from === null ? undefined : call.state.repositories.get(from)?.blobs.get(digest)
  if (!blob || how === 202) return undefined
  call.state.repository(name).blobs.set(digest, blob)
  return created(call, name, digest)
}

async function finish(call: Call, upload: Upload): Promise<Reply> {
  const { state } = call
  const digest = parseDigest(call.url.searchParams.get('digest') ?? '')
  if (!digest) throw new Refusal(400, 'DIGEST_INVALID', 'digest missing or malformed')
  const length = call.headers['content-length']
  if (length === undefined) throw new Refusal(411, 'SIZE_INVALID', 'PUT without Content-Length')
  if (Number(length) > 0) {
    if (call.headers['content-type'] !== 'application/octet-stream') {
      throw new Refusal(415, 'UNSUPPORTED', 'bad Content-Type')
    }
    await receive(call, upload)
  }
  state.uploads.delete(upload.id)
  if (upload.offset === 0 && state.options.refuseEmptyBlob) throw new Refusal(400, 'SIZE_INVALID', 'empty blob')
  const { algorithm } = digestParts(digest)
  const actual =
    algorithm === 'sha256' ? `sha256:${upload.hash.digest('hex')}` : digestOfChunks(call, upload, algorithm)
  if (actual !== digest) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', { detail: { digest } })
  }
  state.repository(upload.repository).blobs.set(digest, contentOf(call, upload))
  return created(call, upload.repository, digest)
}

function digestOfChunks(call: Call, upload: Upload, algorithm: 'sha512'): string {
  if (call.state.options.sink) throw new Refusal(400, 'DIGEST_INVALID', 'a sink computes sha256 only')
  return computeDigest(Buffer.concat(upload.chunks), algorithm)
}

function contentOf(call: Call, upload: Upload): StoredBlob {
  if (!call.state.options.sink) return Buffer.concat(upload.chunks)
  return {
    size: upload.offset,
    open() {
      throw new Error('this blob was not kept: the registry is a sink')
    },
  }
}

async function receive(call: Call, upload: Upload): Promise<void> {
  const { maxBody, chunkMinLength = 0, sink } = call.state.options
  const length = call.headers['content-length']
  checkRange(call, upload, length)
  if (upload.ended) throw new Refusal(400, 'SIZE_INVALID', `a chunk was shorter than ${chunkMinLength} bytes`)
  if (maxBody !== undefined && Number(length ?? 0) > maxBody) throw new TooLarge()
  const before = upload.offset
  // Bytes count as they come, so a cut connection leaves the session with what it brought.
  upload.state = randomUUID()
  for await (const chunk of call.body) {
    upload.offset += chunk.byteLength
    upload.hash.update(chunk)
    if (!sink) upload.chunks.push(chunk)
  }
  upload.told = upload.offset
  if (upload.offset - before < chunkMinLength) upload.ended = true
}

function checkState(call: Call, upload: Upload): void {
  if (call.url.searchParams.get('_state') === upload.state) return
  call.state.uploads.delete(upload.id)
  throw new Refusal(404, 'BLOB_UPLOAD_INVALID', 'blob upload invalid: its state is not the newest')
}

function checkRange(call: Call, upload: Upload, length: string | undefined): void {
  const header = call.headers['content-range']
  if (header === undefined) return
  const range = /^(\d+)-(\d+)$/.exec(header)
  if (!range) throw new Refusal(416, 'RANGE_INVALID', `malformed Content-Range ${header}`, whereItIs(call, upload))
  const start = Number(range[1])
  if (length !== undefined && Number(range[2]) - start + 1 !== Number(length)) {
    throw new Refusal(400, 'SIZE_INVALID', 'Content-Range and Content-Length differ')
  }
  if (start !== upload.offset) throw new Refusal(416, 'RANGE_INVALID', 'out of order', whereItIs(call, upload))
}

function whereItIs(call: Call, upload: Upload): { readonly headers: Readonly<Record<string, string>> } {
  const path = `/v2/${upload.repository}/blobs/uploads/${upload.id}?_state=${upload.state}`
  const { lag, rangeCounts } = call.state.options
  const held = lag === undefined ? upload.offset : upload.told
  return {
    headers: {
      location: locationOf(call, call.state.options.uploadPath?.(path) ?? path),
      range: `0-${rangeCounts ? held : Math.max(held - 1, 0)}`,
      'docker-upload-uuid': upload.id,
    },
  }
}

function progress(
  call: Call,
  upload: Upload,
  status: 202 | 204,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return { status, headers: { ...whereItIs(call, upload).headers, ...headers } }
}

function created(call: Call, name: string, digest: string): Reply {
  const location = locationOf(call, `/v2/${name}/blobs/${digest}`)
  return { status: 201, headers: { location, 'docker-content-digest': digest } }
}

class TooLarge extends Refusal {
  override readonly reply: Reply = text(413, '<html><h1>413 Request Entity Too Large</h1></html>', {
    'content-type': 'text/html',
    connection: 'close',
  })
  constructor() {
    super(413, 'SIZE_INVALID', 'too large')
  }
}
