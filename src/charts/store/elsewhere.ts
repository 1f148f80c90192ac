/** A chart that a classic index has at an OCI registry (`oci://HOST/PATH:TAG`), read there as it is. */

import type { Adapter } from '../../core/adapter.ts'
import { chartIn } from '../../core/chart.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import { IntegrityError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import type { Manifest } from '../../core/manifest.ts'
import { isRepositoryName, isTag } from '../../core/reference.ts'
import { tagOf } from '../chart/artifact.ts'
import type { ChartVersion } from '../index/index.ts'
import type { Held } from './held.ts'

/** Opens the registry at a host, with that host's own credential. */
export type RegistryAt = (host: string) => Promise<Adapter>

export interface OciPlace {
  readonly store: ContentStore
  readonly tag: string
}

export function isOci({ urls }: ChartVersion): boolean {
  return urls[0]?.startsWith('oci://') === true
}

export async function ociPlace({ urls, version }: ChartVersion, registryAt: RegistryAt | undefined): Promise<OciPlace> {
  const [, host, path, named] = /^oci:\/\/([^/@?#]+)\/([^:@?#]+)(?::([^:@?#]+))?$/.exec(urls[0] ?? '') ?? []
  const tag = tagOf(named ?? version)
  if (host === undefined || path === undefined || !isRepositoryName(path) || !isTag(tag) || !registryAt) {
    throw new IntegrityError(`${foreignName(urls[0] ?? '')} is not the address of a chart`)
  }
  return { store: (await registryAt(host)).repository(path), tag }
}

export interface OciChart {
  readonly manifest: Manifest
  readonly contents: ReadonlyMap<Digest, Held>
  readonly archive: Digest
  readonly isSigned: boolean
}

export async function readOciChart({ store, tag }: OciPlace, ctx: Context): Promise<OciChart> {
  const manifest = await store.readManifest(tag, ctx)
  const parts = chartIn(manifest)
  if (!parts) throw new IntegrityError('what the index names is not a chart')
  const blobs = [parts.config, parts.archive, ...(parts.provenance ? [parts.provenance] : [])]
  return {
    manifest,
    contents: new Map(blobs.map((blob) => [blob.digest, there(blob, store)])),
    archive: parts.archive.digest,
    isSigned: parts.provenance !== undefined,
  }
}

function there(blob: Descriptor, store: ContentStore): Held {
  return {
    digest: blob.digest,
    size: blob.size,
    async *open(offset, ctx) {
      yield* await store.readBlob(blob, offset, ctx)
    },
    drop() {},
  }
}
