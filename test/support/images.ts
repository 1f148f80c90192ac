/** Artifacts for tests, made from a seed: images, indexes, referrers, signatures, and content that is made while it is read. */

import { createHash } from 'node:crypto'
import type { Descriptor, Digest, Platform } from '../../src/core/descriptor.ts'
import {
  computeDigest,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  descriptorOf,
  type Manifest,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/core/manifest.ts'
import type { SyntheticBlob } from './memory-registry.ts'
import { randomBytes } from './random.ts'

/** A manifest with all it names. */
export interface Artifact extends Manifest {
  readonly descriptor: Descriptor
  /** What the manifest itself names, not what its children do. */
  readonly blobs: ReadonlyMap<Digest, Buffer>
  readonly children: readonly Artifact[]
}

export interface ImageOptions {
  /** How many; default 2. */
  readonly layers?: number
  /** Bytes of each layer; default 1000. */
  readonly size?: number
  /** The same seed gives the same bytes; default 1. */
  readonly seed?: number | string
  /** Docker's media types instead of OCI's. */
  readonly docker?: boolean
  /** Default linux/amd64. */
  readonly platform?: Platform
  /** Layers before those of the seed, to be shared with other images. */
  readonly base?: readonly Buffer[]
  readonly annotations?: Readonly<Record<string, string>>
}

export function image(options: ImageOptions = {}): Artifact {
  const { layers = 2, size = 1000, seed = 1, docker = false, base = [] } = options
  const platform = options.platform ?? { os: 'linux', architecture: 'amd64' }
  const own = Array.from({ length: layers }, (_, at) => randomBytes(size, `${seed} layer ${at}`))
  const contents = [...base, ...own]
  const config = Buffer.from(
    JSON.stringify({
      ...platform,
      config: { Labels: { seed: String(seed) } },
      rootfs: { type: 'layers', diff_ids: contents.map((bytes) => computeDigest(bytes)) },
    }),
  )
  const mediaType = docker ? DOCKER_MANIFEST : OCI_MANIFEST
  const built = build(
    mediaType,
    {
      schemaVersion: 2,
      mediaType,
      config: named(config, docker ? 'application/vnd.docker.container.image.v1+json' : OCI_CONFIG),
      layers: contents.map((bytes) => named(bytes, docker ? DOCKER_LAYER : OCI_LAYER)),
      ...(options.annotations ? { annotations: options.annotations } : {}),
    },
    [config, ...contents],
  )
  return { ...built, descriptor: { ...built.descriptor, platform } }
}

export interface IndexOptions {
  readonly docker?: boolean
  readonly annotations?: Readonly<Record<string, string>>
  readonly subject?: Descriptor
  /** Entries that are blobs and not manifests, as a build cache has them. */
  readonly blobs?: readonly Buffer[]
}

/** An index, or a Docker list; children may be indexes. */
export function index(children: readonly Artifact[], options: IndexOptions = {}): Artifact {
  const mediaType = options.docker ? DOCKER_LIST : OCI_INDEX
  const blobs = options.blobs ?? []
  return build(
    mediaType,
    {
      schemaVersion: 2,
      mediaType,
      manifests: [...children.map(({ descriptor }) => descriptor), ...blobs.map((bytes) => named(bytes, OCI_LAYER))],
      ...(options.subject ? { subject: plain(options.subject) } : {}),
      ...(options.annotations ? { annotations: options.annotations } : {}),
    },
    blobs,
    children,
  )
}

export interface ReferrerOptions {
  readonly artifactType?: string
  readonly content?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** An artifact with a type of its own, such as a Helm chart would be, without a subject. */
export function artifact(options: ReferrerOptions = {}): Artifact {
  return attached(undefined, options)
}

/** A referrer of OCI 1.1: its `subject` field says what it belongs to. */
export function referrer(subject: Descriptor, options: ReferrerOptions = {}): Artifact {
  return attached(subject, options)
}

/** What cosign hangs on a tag of its own, with that tag. */
export function cosignSignature(
  subject: Descriptor,
  kind: 'sig' | 'att' | 'sbom' = 'sig',
): { readonly tag: string; readonly artifact: Artifact } {
  const payload = Buffer.from(
    JSON.stringify({ critical: { image: { 'docker-manifest-digest': subject.digest }, kind } }),
  )
  const config = Buffer.from(JSON.stringify({ architecture: '', os: '', rootfs: { type: 'layers', diff_ids: [] } }))
  const built = build(
    OCI_MANIFEST,
    {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: named(config, OCI_CONFIG),
      layers: [
        {
          ...named(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'),
          annotations: { 'dev.cosignproject.cosign/signature': 'MEUCIQ==' },
        },
      ],
    },
    [config, payload],
  )
  return { tag: `${fallbackTag(subject.digest)}.${kind}`, artifact: built }
}

/** The tag under which a registry without the API keeps the list of referrers. */
export function fallbackTag(digest: Digest): string {
  return digest.replace(':', '-')
}

/** Schema 1, unsigned: nothing in it is a descriptor. */
export function schema1(seed: number | string = 1): Artifact {
  const layer = randomBytes(100, `${seed} schema1`)
  const built = build(
    DOCKER_SCHEMA1,
    {
      schemaVersion: 1,
      name: 'old/image',
      tag: 'latest',
      architecture: 'amd64',
      fsLayers: [{ blobSum: computeDigest(layer) }],
      history: [{ v1Compatibility: '{"id":"0"}' }],
    },
    [layer],
  )
  return built
}

/** Content of any size that is never in memory as a whole; making its digest reads it once. */
export function syntheticBlob(size: number, seed: number | string = 1): SyntheticBlob & { readonly digest: Digest } {
  const block = randomBytes(Math.min(size, 1 << 20), `${seed} block`)
  async function* open(offset: number): AsyncIterable<Uint8Array> {
    for (let at = offset; at < size; ) {
      const start = at % block.byteLength
      const chunk = block.subarray(start, Math.min(start + 65_536, block.byteLength, start + size - at))
      yield chunk
      at += chunk.byteLength
    }
  }
  const hash = createHash('sha256')
  let left = size
  for (; left > block.byteLength; left -= block.byteLength) hash.update(block)
  hash.update(block.subarray(0, left))
  return { size, open, digest: `sha256:${hash.digest('hex')}` }
}

/** A descriptor of bytes. */
export function named(bytes: Uint8Array, mediaType = 'application/octet-stream'): Descriptor {
  return { mediaType, digest: computeDigest(bytes), size: bytes.byteLength }
}

const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
const EMPTY = Buffer.from('{}')

function attached(subject: Descriptor | undefined, options: ReferrerOptions): Artifact {
  const { artifactType = 'application/vnd.example.sbom.v1', content = 'sbom', annotations } = options
  const bytes = Buffer.from(content)
  return build(
    OCI_MANIFEST,
    {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType,
      config: named(EMPTY, 'application/vnd.oci.empty.v1+json'),
      layers: [named(bytes, artifactType)],
      ...(subject ? { subject: plain(subject) } : {}),
      ...(annotations ? { annotations } : {}),
    },
    [EMPTY, bytes],
  )
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size }
}

function build(
  mediaType: string,
  json: Readonly<Record<string, unknown>>,
  blobs: readonly Buffer[],
  children: readonly Artifact[] = [],
): Artifact {
  const bytes = Buffer.from(JSON.stringify(json, undefined, 2))
  const manifest = { mediaType, digest: computeDigest(bytes), bytes }
  return {
    ...manifest,
    descriptor: descriptorOf(manifest),
    blobs: new Map(blobs.map((blob) => [computeDigest(blob), blob])),
    children,
  }
}
