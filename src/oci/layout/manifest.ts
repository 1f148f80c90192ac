/** Manifests as blobs of an OCI layout: read, written, and checked either way. */

import { bytesOf } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Descriptor, type Digest, digestParts, looksLikeDigest, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError, StorageError } from '../../core/errors.ts'
import {
  computeDigest,
  descriptorOf,
  detectMediaType,
  isManifestType,
  MAX_MANIFEST_SIZE,
  type Manifest,
  manifestOf,
} from '../../core/manifest.ts'
import { checkedDigest, type LayoutFiles } from './files.ts'

/** The manifest's exact bytes. Throws as `readManifest` of a store does. */
export async function readManifestBytes(files: LayoutFiles, descriptor: Descriptor): Promise<Manifest> {
  const size = await files.blobSize(descriptor.digest)
  if (size === undefined) {
    throw new StorageError(`manifest ${descriptor.digest} is named in index.json but is not in ${files.path}`, {
      missing: true,
    })
  }
  if (size !== descriptor.size) {
    throw new IntegrityError(
      `manifest ${descriptor.digest} in ${files.path} has ${size} bytes, not the ${descriptor.size} its descriptor says`,
    )
  }
  if (size > MAX_MANIFEST_SIZE) {
    throw new IntegrityError(`manifest ${descriptor.digest} has ${size} bytes, more than the ${MAX_MANIFEST_SIZE} read`)
  }
  return manifestOf(await readAll(files, descriptor.digest, size), descriptor.mediaType, descriptor.digest)
}

/** Checks the bytes against the digest and, where it is one, the reference; then writes them. */
export async function writeManifestBytes(
  files: LayoutFiles,
  manifest: Manifest,
  reference: string,
  ctx: Context,
): Promise<Descriptor> {
  const digest = checkedDigest(manifest.digest)
  const actual = computeDigest(manifest.bytes, digestParts(digest).algorithm)
  const wanted = looksLikeDigest(reference) ? parseDigest(reference) : digest
  if (actual !== digest || wanted !== digest) {
    throw new IntegrityError(
      `manifest does not match its digest: expected ${wanted ?? reference}, its bytes are ${actual}`,
    )
  }
  const descriptor = descriptorOf(manifest)
  await files.writeBlob(descriptor, async () => bytesOf(manifest.bytes), ctx)
  return descriptor
}

/** The descriptor of a manifest that no entry names; undefined where the blob is not there or something else. */
export async function describeBlob(files: LayoutFiles, digest: Digest): Promise<Descriptor | undefined> {
  const size = await files.blobSize(digest)
  if (size === undefined || size > MAX_MANIFEST_SIZE) return undefined
  const mediaType = detectMediaType(await readAll(files, digest, size), undefined)
  return isManifestType(mediaType) ? { mediaType, digest, size } : undefined
}

async function readAll(files: LayoutFiles, digest: Digest, size: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of files.readBlob(digest, 0, size)) chunks.push(chunk)
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
}
