/** Manifests: their exact bytes, their media types, and what they name. */

import { createHash } from 'node:crypto'
import { type Algorithm, type Descriptor, type Digest, digestParts, type Platform, parseDigest } from './descriptor.ts'
import { IntegrityError, messageOf, UnsupportedError } from './errors.ts'
import { parseJson } from './foreign.ts'

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json'
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws'
export const HELM_CONFIG = 'application/vnd.cncf.helm.config.v1+json'

/** The types to accept when requesting a manifest. A registry converts or refuses what is not in the list. */
export const MANIFEST_TYPES = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
] as const

/** In bytes; larger manifests are refused. */
export const MAX_MANIFEST_SIZE = 8 * 1024 * 1024

/** A manifest with its exact bytes. */
export interface Manifest {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
}

/** What a manifest names. */
export interface Contents {
  /** Config and layers, each digest once. */
  readonly blobs: readonly Descriptor[]
  readonly config?: Descriptor
  /** The children of an index. */
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  /** The manifest's own `artifactType`, else its config's media type. */
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

export function computeDigest(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

/** A manifest from foreign bytes, which must hash to `expected` if that is given. */
export function manifestOf(bytes: Uint8Array, contentType: string | undefined, expected?: Digest): Manifest {
  const digest = computeDigest(bytes, expected ? digestParts(expected).algorithm : 'sha256')
  if (expected && digest !== expected && !isSchema1(detectMediaType(bytes, contentType))) {
    throw new IntegrityError(
      `manifest does not match its digest: expected ${expected}, its ${bytes.byteLength} bytes are ${digest}`,
    )
  }
  return { mediaType: detectMediaType(bytes, contentType), digest: expected ?? digest, bytes }
}

export function isIndex(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST
}

export function isSchema1(mediaType: string): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED
}

/** True if a descriptor of this type in an index names a manifest, false if it names a blob. */
export function isManifestType(mediaType: string): boolean {
  return (MANIFEST_TYPES as readonly string[]).includes(mediaType)
}

export function descriptorOf(manifest: Manifest): Descriptor {
  return { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.byteLength }
}

/** A non-distributable layer, which the registry need not have. */
export function isForeign(blob: Descriptor): boolean {
  return (
    blob.mediaType === 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' ||
    blob.mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.v1.')
  )
}

/** What a manifest names. Throws `UnsupportedError` for schema 1 and `IntegrityError` for a malformed manifest. */
export function contentsOf(manifest: Manifest): Contents {
  if (isSchema1(manifest.mediaType)) {
    throw new UnsupportedError('Docker schema 1 images are not supported', {
      hint: 'push the image again with a current client, which converts it to schema 2 or OCI',
    })
  }
  const json = objectFrom(manifest.bytes)
  const config = json.config === undefined || json.config === null ? undefined : descriptorFrom(json.config, 'config')
  const blobs = new Map<Digest, Descriptor>()
  if (config) blobs.set(config.digest, config)
  for (const key of ['layers', 'blobs']) {
    for (const entry of arrayOf(json[key], key)) {
      const layer = descriptorFrom(entry, key)
      if (!blobs.has(layer.digest)) blobs.set(layer.digest, layer)
    }
  }
  const manifests: Descriptor[] = []
  for (const entry of arrayOf(json.manifests, 'manifests')) {
    const child = descriptorFrom(entry, 'manifests')
    if (isManifestType(child.mediaType)) manifests.push(child)
    else if (!blobs.has(child.digest)) blobs.set(child.digest, child)
  }
  const artifactType =
    typeof json.artifactType === 'string' && json.artifactType ? json.artifactType : config?.mediaType
  const annotations = stringsOf(json.annotations)
  return {
    blobs: [...blobs.values()],
    ...(config ? { config } : {}),
    manifests,
    ...(json.subject ? { subject: descriptorFrom(json.subject, 'subject') } : {}),
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations ? { annotations } : {}),
  }
}

/** The media type from the header, or from the content if the header is vague. */
export function detectMediaType(bytes: Uint8Array, contentType: string | undefined): string {
  const header = contentType?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (isManifestType(header)) return header
  let json: Record<string, unknown>
  try {
    json = objectFrom(bytes)
  } catch {
    return header
  }
  if (typeof json.mediaType === 'string' && json.mediaType) return json.mediaType
  if (json.schemaVersion === 1) return 'signatures' in json ? DOCKER_SCHEMA1_SIGNED : DOCKER_SCHEMA1
  if (Array.isArray(json.manifests)) return OCI_INDEX
  if (json.config && Array.isArray(json.layers)) return OCI_MANIFEST
  return header
}

/** A descriptor from foreign JSON. */
export function descriptorFrom(value: unknown, where: string): Descriptor {
  if (typeof value !== 'object' || value === null)
    throw new IntegrityError(`malformed manifest: ${where} is not a descriptor`)
  const json = value as Record<string, unknown>
  const { mediaType, digest, size } = json
  if (typeof digest !== 'string') throw new IntegrityError(`malformed manifest: a descriptor in ${where} has no digest`)
  const checked = parseDigest(digest)
  if (!checked) {
    throw new UnsupportedError(`digest ${digest.slice(0, 100)} in ${where} is not a sha256 or sha512 digest`)
  }
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new IntegrityError(`malformed manifest: ${checked} in ${where} has no valid size`)
  }
  const annotations = stringsOf(json.annotations)
  const platform = platformFrom(json.platform)
  return {
    mediaType: typeof mediaType === 'string' ? mediaType : 'application/octet-stream',
    digest: checked,
    size,
    ...(annotations ? { annotations } : {}),
    ...(platform ? { platform } : {}),
    ...(typeof json.artifactType === 'string' ? { artifactType: json.artifactType } : {}),
    ...(Array.isArray(json.urls) ? { urls: json.urls.filter((url) => typeof url === 'string') } : {}),
    ...(typeof json.data === 'string' ? { data: json.data } : {}),
  }
}

function platformFrom(value: unknown): Platform | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { os, architecture, variant, 'os.version': version } = value as Record<string, unknown>
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined
  return {
    os,
    architecture,
    ...(typeof variant === 'string' && variant ? { variant } : {}),
    ...(typeof version === 'string' && version ? { 'os.version': version } : {}),
  }
}

function objectFrom(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJson(bytes)
  } catch (cause) {
    throw new IntegrityError(`malformed manifest: ${messageOf(cause)}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new IntegrityError('malformed manifest: not a JSON object')
  }
  return value as Record<string, unknown>
}

function arrayOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw new IntegrityError(`malformed manifest: ${where} is not a list`)
  return value
}

function stringsOf(value: unknown): Record<string, string> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
