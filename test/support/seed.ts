/** Puts artifacts into a registry: the one in memory directly, any other by HTTP. */

import type { Digest } from '../../src/core/descriptor.ts'
import type { Artifact } from './images.ts'
import type { MemoryRegistry } from './memory-registry.ts'

export interface SeedOptions {
  /** The value of `Authorization`, for a real registry. */
  readonly authorization?: string
}

/** Without a tag it is pushed by its digest only. */
export async function seed(
  registry: MemoryRegistry | string,
  repository: string,
  tag: string | undefined,
  artifact: Artifact,
  options: SeedOptions = {},
): Promise<Artifact> {
  if (typeof registry !== 'string') registry.add(repository, artifact, ...(tag === undefined ? [] : [tag]))
  else await push(`${registry}/v2/${repository}`, tag, artifact, options)
  return artifact
}

/** The value of `Authorization` for a user and password. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

async function push(base: string, tag: string | undefined, artifact: Artifact, options: SeedOptions): Promise<void> {
  for (const child of artifact.children) await push(base, undefined, child, options)
  for (const [digest, bytes] of artifact.blobs) await pushBlob(base, digest, bytes, options)
  await send('PUT', `${base}/manifests/${tag ?? artifact.digest}`, options, artifact.bytes, artifact.mediaType)
}

async function pushBlob(base: string, digest: Digest, bytes: Buffer, options: SeedOptions): Promise<void> {
  const started = await send('POST', `${base}/blobs/uploads/`, options)
  const location = new URL(started.headers.get('location') ?? '', `${base}/blobs/uploads/`)
  location.searchParams.set('digest', digest)
  await send('PUT', location.href, options, bytes, 'application/octet-stream')
}

async function send(
  method: string,
  url: string,
  options: SeedOptions,
  body: Uint8Array = Buffer.alloc(0),
  contentType?: string,
): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
    },
    body: Uint8Array.from(body),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${answer}`)
  return response
}
