/** Manifests of the registry in memory: read under a strict Accept, written only when all they name is there. */

import { type Digest, digestParts, parseDigest } from '../../src/core/descriptor.ts'
import {
  computeDigest,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  isManifestType,
  isSchema1,
  MANIFEST_TYPES,
} from '../../src/core/manifest.ts'
import { isTag } from '../../src/core/reference.ts'
import type { Call, MemoryRepository, Reply, StoredManifest } from './memory-registry.ts'
import { Refusal } from './memory-reply.ts'
import { locationOf } from './memory-uploads.ts'

const MAX_SIZE = 4 * 1024 * 1024

export function readManifest(call: Call, name: string, reference: string): Reply {
  const { options } = call.state
  if (call.method === 'HEAD' && options.headRefused) throw new Refusal(405, 'UNSUPPORTED', 'HEAD is not supported')
  const { digest, manifest } = find(call, name, reference)
  const accepted = (call.headers.accept ?? '').split(',').map((type) => type.split(';')[0]?.trim())
  // No `*/*`: distribution compares the strings as they are.
  if (!accepted.includes(manifest.mediaType)) {
    throw unknown(`manifest found, but the accept header does not name ${manifest.mediaType}`)
  }
  const headers = {
    'content-type': options.contentTypeCharset ? `${manifest.mediaType}; charset=utf-8` : manifest.mediaType,
    ...(options.omitDigestHeader ? {} : { 'docker-content-digest': digest, etag: `"${digest}"` }),
  }
  const known = call.headers['if-none-match']?.replaceAll('"', '')
  if (known === digest && !options.omitDigestHeader) return { status: 304, headers }
  return { status: 200, headers, body: manifest.bytes }
}

export async function writeManifest(call: Call, name: string, reference: string): Promise<Reply> {
  const { options } = call.state
  const mediaType = call.headers['content-type'] ?? ''
  if (!(MANIFEST_TYPES as readonly string[]).includes(mediaType)) throw refusedType(mediaType)
  if (options.dockerTypes === false && isDocker(mediaType)) throw refusedType(mediaType)
  const bytes = await readAll(call)
  const json = parse(bytes)
  if (isSchema1(mediaType) && !options.schema1) throw invalid('schema 1 is not supported')
  if (json.mediaType !== undefined && json.mediaType !== mediaType) {
    throw invalid(`mediaType ${json.mediaType} in a body sent as ${mediaType}`)
  }
  if (isDocker(mediaType) && !isSchema1(mediaType) && json.mediaType === undefined) throw invalid('no mediaType')
  const { sha512 = 'tag' } = options
  const named = digestFrom(reference)
  const given = sha512 === 'digest' ? parseDigest(call.url.searchParams.get('digest') ?? '') : undefined
  const { algorithm } = digestParts(named ?? given ?? 'sha256:')
  if (algorithm !== 'sha256' && sha512 === false) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  }
  const digest = computeDigest(bytes, algorithm)
  if (named && digest !== named && !isSchema1(mediaType)) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content', { detail: { digest } })
  }
  const references = referencesOf(mediaType, bytes)
  checkReferences(references, call.state.repositories.get(name))
  const repository = call.state.repository(name)
  const tag = named ? (sha512 === 'tag' ? call.url.searchParams.get('tag') : null) : reference
  if (tag !== null) setTag(call, repository, tag, digest)
  repository.manifests.set(named ?? digest, { mediaType, bytes })
  options.notify?.({ action: 'push', repository: name, digest: named ?? digest, ...(tag === null ? {} : { tag }) })
  return {
    status: 201,
    headers: {
      location: locationOf(call, `/v2/${name}/manifests/${named ?? digest}`),
      'docker-content-digest': named ?? digest,
      ...(tag === null ? {} : { 'oci-tag': tag }),
      ...(references.subject && options.referrers !== false ? { 'oci-subject': references.subject } : {}),
    },
    body: Buffer.alloc(0),
  }
}

export function deleteManifest(call: Call, name: string, reference: string): Reply {
  const { options } = call.state
  if (options.deletes === false) throw new Refusal(405, 'UNSUPPORTED', 'The operation is unsupported.')
  const named = digestFrom(reference)
  if (!named && options.tagDelete === false) {
    throw new Refusal(400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  }
  const { repository, digest } = find(call, name, reference)
  if (!named) {
    repository.tags.delete(reference)
    options.notify?.({ action: 'delete', repository: name, tag: reference })
    return { status: 202, body: Buffer.alloc(0) }
  }
  repository.manifests.delete(digest)
  for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag)
  options.notify?.({ action: 'delete', repository: name, digest })
  return { status: 202, body: Buffer.alloc(0) }
}

interface References {
  readonly blobs: readonly string[]
  readonly manifests: readonly string[]
  readonly subject: string | undefined
  readonly artifactType: string | undefined
  readonly annotations: unknown
}

/** What a manifest names, read anew and not by the code under test. */
export function referencesOf(mediaType: string, bytes: Uint8Array): References {
  const json = parse(bytes)
  const blobs: string[] = []
  const manifests: string[] = []
  if (!isSchema1(mediaType)) {
    for (const entry of [json.config, ...list(json.layers), ...list(json.blobs)].map(fields)) {
      if (entry && !(list(entry.urls).length > 0)) blobs.push(String(entry.digest))
    }
    for (const entry of list(json.manifests).map(fields)) {
      if (entry) (isManifestType(String(entry.mediaType)) ? manifests : blobs).push(String(entry.digest))
    }
  }
  const subject = fields(json.subject)?.digest
  const type = json.artifactType || fields(json.config)?.mediaType
  return {
    blobs,
    manifests,
    subject: subject === undefined ? undefined : String(subject),
    artifactType: type ? String(type) : undefined,
    annotations: json.annotations,
  }
}

function checkReferences(references: References, repository: MemoryRepository | undefined): void {
  for (const text of [...references.blobs, ...references.manifests]) {
    const digest = parseDigest(text)
    if (!digest) throw invalid(`${text} is not a digest`)
    const kept = references.manifests.includes(text) ? repository?.manifests : repository?.blobs
    if (!kept?.has(digest)) {
      throw new Refusal(400, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry', { detail: { digest } })
    }
  }
}

function setTag(call: Call, repository: MemoryRepository, tag: string, digest: Digest): void {
  if (!isTag(tag)) throw new Refusal(400, 'TAG_INVALID', 'manifest tag did not match URI')
  const before = repository.tags.get(tag)
  if (call.state.options.immutableTags && before !== undefined && before !== digest) {
    throw new Refusal(400, 'TAG_INVALID', `tag ${tag} is immutable`)
  }
  repository.tags.set(tag, digest)
}

interface Found {
  readonly repository: MemoryRepository
  readonly digest: Digest
  readonly manifest: StoredManifest
}

function find(call: Call, name: string, reference: string): Found {
  const repository = call.state.repositories.get(name)
  if (!repository) throw new Refusal(404, 'NAME_UNKNOWN', 'repository name not known to registry', { detail: { name } })
  const digest = digestFrom(reference) ?? repository.tags.get(reference)
  const manifest = digest && repository.manifests.get(digest)
  if (!digest || !manifest) throw unknown(`unknown manifest ${reference}`)
  return { repository, digest, manifest }
}

/** The digest in a reference; undefined where it is a tag. */
function digestFrom(reference: string): Digest | undefined {
  if (!reference.includes(':')) return undefined
  const digest = parseDigest(reference)
  if (!digest) throw new Refusal(400, 'DIGEST_INVALID', `${reference} is not a digest`)
  return digest
}

async function readAll(call: Call): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of call.body) {
    size += chunk.byteLength
    if (size > MAX_SIZE) throw invalid('manifest exceeds 4 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  try {
    const json = fields(JSON.parse(Buffer.from(bytes).toString('utf8')))
    if (json) return json
  } catch {}
  throw invalid('not a JSON object')
}

function fields(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : undefined
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function isDocker(mediaType: string): boolean {
  return mediaType === DOCKER_MANIFEST || mediaType === DOCKER_LIST || isSchema1(mediaType)
}

function refusedType(mediaType: string): Refusal {
  return new Refusal(415, 'MANIFEST_INVALID', 'manifest invalid', { detail: { mediaType } })
}

function invalid(message: string): Refusal {
  return new Refusal(400, 'MANIFEST_INVALID', message)
}

function unknown(message: string): Refusal {
  return new Refusal(404, 'MANIFEST_UNKNOWN', message)
}
