/** Manifests as blobs of an OCI layout: read, written, and checked either way. */

import type { Bytes } from '../../core/content.ts'
import { type Descriptor, type Digest, digestParts, looksLikeDigest, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError, RegistryError } from '../../core/errors.ts'
import {
  computeDigest,
  descriptorOf,
  detectMediaType,
  isManifestType,
  MAX_MANIFEST_SIZE,
  type Manifest,
  manifestOf,
} from '../../core/manifest.ts'
import { checkedDigest, type LayoutFiles } from './directory.ts'

/** The manifest's exact bytes. Throws as `readManifest` of a store does. */
export async function readManifestBytes(files: LayoutFiles, descriptor: Descriptor): Promise<Manifest> {
  const size = await files.blobSize(descriptor.digest)
  if (size === undefined) {
    throw new RegistryError(`manifest ${descriptor.digest} is named in index.json but is not in ${files.path}`, {
      status: 404,
      method: 'GET',
      path: descriptor.digest,
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
  return manifestOf(await bytesOf(files, descriptor.digest, size), descriptor.mediaType, descriptor.digest)
}

/** Checks the bytes against the digest and, where it is one, the reference; then writes them. */
export async function writeManifestBytes(
  files: LayoutFiles,
  manifest: Manifest,
  reference: string,
  signal: AbortSignal,
): Promise<Descriptor> {
  const digest = checkedDigest(manifest.digest)
  const actual = computeDigest(manifest.bytes, digestParts(digest).algorithm)
  const wanted = looksLikeDigest(reference) ? parseDigest(reference) : digest
  if (actual !== digest || wanted !== digest) {
    throw new IntegrityError(`manifest is not its digest: expected ${wanted ?? reference}, its bytes are ${actual}`)
  }
  const descriptor = descriptorOf(manifest)
  // A few bytes: they are written again where only the length is right, so that a damaged file is mended.
  const present = (await files.blobSize(digest)) === descriptor.size
  if (
    !present ||
    computeDigest(await bytesOf(files, digest, descriptor.size), digestParts(digest).algorithm) !== digest
  ) {
    await files.writeBlob(descriptor, inline(manifest.bytes), signal)
  }
  return descriptor
}

/** The descriptor of a manifest that no entry names; undefined where the blob is not there or something else. */
export async function describeBlob(files: LayoutFiles, digest: Digest): Promise<Descriptor | undefined> {
  const size = await files.blobSize(digest)
  if (size === undefined || size > MAX_MANIFEST_SIZE) return undefined
  const mediaType = detectMediaType(await bytesOf(files, digest, size), undefined)
  return isManifestType(mediaType) ? { mediaType, digest, size } : undefined
}

async function bytesOf(files: LayoutFiles, digest: Digest, size: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of files.readBlob(digest, 0, size)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Bytes in hand as a stream. */
export async function* inline(bytes: Uint8Array): Bytes {
  yield bytes
}
