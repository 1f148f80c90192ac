/** Moves whole artifacts and blobs in and out of a store, for the contract's cases. */

import type { Bytes, ContentStore, OpenBlob } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import type { Descriptor, Referrer } from '../../src/core/descriptor.ts'
import { type Artifact, named } from '../support/images.ts'

/** Never stops, and nobody listens. */
export const context: Context = { signal: new AbortController().signal, emit: () => {} }

/** Content that no store has. */
export const ABSENT = named(Buffer.from('nobody has this'))

/** Blobs and children first, as a registry wants it. */
export async function write(
  store: ContentStore,
  { children, blobs, ...manifest }: Artifact,
  tag?: string,
): Promise<void> {
  for (const child of children) await write(store, child)
  for (const bytes of blobs.values()) await store.writeBlob(named(bytes), openOf(bytes), context)
  const { mediaType, digest, bytes } = manifest
  await store.writeManifest({ mediaType, digest, bytes }, tag ?? digest, context)
}

export function openOf(bytes: Buffer): OpenBlob {
  return async (offset) =>
    (async function* () {
      for (let at = offset; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536)
    })()
}

export async function readAll(body: Promise<Bytes>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of all) found.push(one)
  return found
}

export async function referrersOf(store: ContentStore, subject: Descriptor): Promise<readonly Referrer[]> {
  const found = await collect(store.referrers?.(subject, context) ?? nothing())
  return found.sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

async function* nothing(): AsyncIterable<Referrer> {}

/** What a promise was rejected with; it must be rejected. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`expected an error, but it went well: ${String(value)}`)
}
