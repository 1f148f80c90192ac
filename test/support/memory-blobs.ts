/** Blobs of the registry in memory: read with ranges, or by a redirect to storage. */

import { randomUUID } from 'node:crypto'
import { type Digest, parseDigest } from '../../src/core/descriptor.ts'
import type { Call, RegistryState, Reply, StoredBlob, SyntheticBlob } from './memory-registry.ts'
import { Refusal, text } from './memory-reply.ts'

export function readBlob(call: Call, name: string, reference: string): Reply {
  const { digest, blob } = find(call, name, reference)
  if (call.state.options.redirectBlobs) {
    const location = `${call.state.storageUrl}/storage/${name}@${encodeURIComponent(digest)}?X-Amz-Signature=${sign(call.state)}`
    return { status: 307, headers: { location }, body: Buffer.alloc(0) }
  }
  return ranged(call, digest, blob)
}

export function readStorage(call: Call): Reply {
  const match = /^\/storage\/(.+)@([^@]+)$/.exec(call.url.pathname)
  if (!match?.[1] || !match[2] || !isSigned(call)) {
    return text(403, '<Error><Code>AccessDenied</Code></Error>')
  }
  const { digest, blob } = find(call, match[1], decodeURIComponent(match[2]))
  return ranged(call, digest, blob)
}

/** Signatures that were not used yet. */
const unused = new WeakMap<RegistryState, Set<string>>()

function sign(state: RegistryState): string {
  if (state.options.redirectBlobs !== 'once') return 'signed'
  const links = unused.get(state) ?? new Set()
  const signature = randomUUID()
  unused.set(state, links.add(signature))
  return signature
}

function isSigned(call: Call): boolean {
  const signature = call.url.searchParams.get('X-Amz-Signature') ?? ''
  return call.state.options.redirectBlobs === 'once'
    ? (unused.get(call.state)?.delete(signature) ?? false)
    : signature === 'signed'
}

export function deleteBlob(call: Call, name: string, reference: string): Reply {
  if (call.state.options.deletes === false) throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const { digest } = find(call, name, reference)
  call.state.repository(name).blobs.delete(digest)
  return { status: 202, body: Buffer.alloc(0) }
}

function find(call: Call, name: string, reference: string): { readonly digest: Digest; readonly blob: StoredBlob } {
  const digest = parseDigest(reference)
  if (!digest) throw new Refusal(400, 'DIGEST_INVALID', `${reference} is not a digest`)
  const blob = call.state.repositories.get(name)?.blobs.get(digest)
  if (!blob) throw new Refusal(404, 'BLOB_UNKNOWN', 'blob unknown to registry', { detail: digest })
  return { digest, blob }
}

function ranged(call: Call, digest: Digest, blob: StoredBlob): Reply {
  const size = 'byteLength' in blob ? blob.byteLength : blob.size
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'accept-ranges': 'bytes',
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(call.headers.range ?? '')
  if (!range || call.method === 'HEAD' || call.state.options.ignoreRange) return { status: 200, headers, body: blob }
  const start = Number(range[1])
  const end = range[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  if (start >= size || end < start) {
    throw new Refusal(416, 'RANGE_INVALID', 'invalid range', { headers: { 'content-range': `bytes */${size}` } })
  }
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${start}-${end}/${size}` },
    body: 'byteLength' in blob ? blob.subarray(start, end + 1) : part(blob, start, end + 1),
  }
}

function part(blob: SyntheticBlob, start: number, end: number): SyntheticBlob {
  return {
    size: end - start,
    async *open(offset) {
      let left = end - start - offset
      if (left <= 0) return
      for await (const chunk of blob.open(start + offset)) {
        yield chunk.byteLength > left ? chunk.subarray(0, left) : chunk
        left -= chunk.byteLength
        if (left <= 0) return
      }
    },
  }
}
