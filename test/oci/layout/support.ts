/** Layouts for tests: opened, filled with artifacts, and written by hand as other tools write them. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pack } from 'tar-stream'
import type { ContentStore } from '../../../src/core/content.ts'
import type { Context } from '../../../src/core/context.ts'
import type { Descriptor } from '../../../src/core/descriptor.ts'
import { type LayoutAdapter, ociLayout } from '../../../src/oci/layout/layout.ts'
import type { Artifact } from '../../support/images.ts'

export const context: Context = { signal: new AbortController().signal, emit: () => {} }

export function openLayout(path: string): LayoutAdapter {
  return ociLayout({ name: 'layout', type: 'oci-layout', path })
}

/** Ends as a run does that has written everything. */
export async function finish(layout: LayoutAdapter): Promise<void> {
  await layout.commit(true, context)
  await layout.close()
}

/** Writes an artifact with all it names, children first; without a tag by its digest. */
export async function push(store: ContentStore, artifact: Artifact, tag?: string): Promise<void> {
  for (const child of artifact.children) await push(store, child)
  for (const [digest, bytes] of artifact.blobs) {
    const blob = { mediaType: 'application/octet-stream', digest, size: bytes.byteLength }
    await store.writeBlob(blob, async (offset) => chunksOf(bytes.subarray(offset)), context)
  }
  await store.writeManifest(artifact, tag ?? artifact.digest, context)
}

export async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

export async function read(store: ContentStore, blob: Descriptor, offset = 0): Promise<Buffer> {
  return Buffer.concat(await collect(await store.readBlob(blob, offset, context)))
}

/** An entry of index.json. */
export function entry(descriptor: Descriptor, annotations?: Readonly<Record<string, string>>): object {
  return { ...descriptor, ...(annotations ? { annotations } : {}) }
}

/** The files of a layout by name, with the blobs of all artifacts. `manifests` may be anything. */
export function layoutFiles(manifests: unknown, artifacts: readonly Artifact[] = []): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const add = (artifact: Artifact): void => {
    artifact.children.forEach(add)
    files.set(`blobs/${artifact.digest.replace(':', '/')}`, Buffer.from(artifact.bytes))
    for (const [digest, bytes] of artifact.blobs) files.set(`blobs/${digest.replace(':', '/')}`, bytes)
  }
  files.set('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
  files.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests, 'x-kept': { by: 'us' } })))
  artifacts.forEach(add)
  return files
}

/** Puts files into a directory, which is returned. */
export function unpack(directory: string, files: ReadonlyMap<string, Buffer>): string {
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), bytes)
  }
  return directory
}

export type TarMember = Parameters<ReturnType<typeof pack>['entry']>[0]

/** A tar of files in their order, then of members that need more than a name. */
export async function tarOf(files: Iterable<[string, Buffer]>, more: readonly TarMember[] = []): Promise<Buffer> {
  const tar = pack()
  for (const [name, bytes] of files) tar.entry({ name }, bytes)
  for (const headers of more) tar.entry(headers)
  tar.finalize()
  return Buffer.concat(await collect(tar as AsyncIterable<Buffer>))
}
