/** One chart of an index as content that can be read: each version a tag, presented as the artifact that `helm push` makes. */

import type { TagInfo, UndigestedTag } from '../../core/adapter.ts'
import { chartIn } from '../../core/chart.ts'
import type { ContentSource, ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { IntegrityError, RegistryError, UnsupportedError } from '../../core/errors.ts'
import { type Manifest, OCI_MANIFEST } from '../../core/manifest.ts'
import { plausible, timeFrom } from '../../core/time.ts'
import type { ChartVersion } from '../index/index.ts'
import type { Charts } from './charts.ts'

/** What a chart's manifest is called by: its archive, which is the same no matter which tool made the manifest. */
export function nameOf(manifest: Manifest): ReturnType<NonNullable<ContentSource['nameOf']>> {
  return chartIn(manifest)?.archive.digest
}

export function chartSource(charts: Charts, chart: string): ContentSource {
  async function found(tagOrDigest: string, ctx: Context): Promise<ChartVersion> {
    const version = await charts.find(chart, tagOrDigest, ctx)
    if (!version) throw notFound(`${chart} ${tagOrDigest} is not in the index`)
    return version
  }
  return {
    nameOf,
    async resolve(tagOrDigest, ctx) {
      const version = await charts.find(chart, tagOrDigest, ctx)
      // Its size is known once its archive was read, which no comparison needs.
      return version && { mediaType: OCI_MANIFEST, digest: await charts.archiveOf(version, ctx), size: 0 }
    },
    async beside(name, tag, fresh, ctx) {
      const version = await charts.find(chart, tag ?? name, ctx)
      return version ? charts.beside(version, name, fresh, ctx) : []
    },
    async readManifest(tagOrDigest, ctx) {
      return (await charts.open(await found(tagOrDigest, ctx), ctx)).manifest
    },
    async readBlob(blob, offset, ctx) {
      const version = charts.homeOf(blob.digest) ?? (await found(blob.digest, ctx))
      const held = (await charts.open(version, ctx)).contents.get(blob.digest)
      if (!held) throw new IntegrityError(`chart ${chart} ${version.version} has changed: ${blob.digest} is gone`)
      return held.open(offset, ctx)
    },
    async *tags(ctx) {
      yield* (await listed(charts, chart, ctx)).keys()
    },
  }
}

async function listed(charts: Charts, chart: string, ctx: Context): Promise<ReadonlyMap<string, ChartVersion>> {
  const versions = await charts.versions(chart, ctx)
  if (!versions) throw notFound(`${chart} is not in the index`)
  return versions
}

/** What the index says of each version. */
export async function* chartTags(charts: Charts, chart: string, ctx: Context): AsyncIterable<TagInfo | UndigestedTag> {
  for (const [tag, version] of await listed(charts, chart, ctx)) {
    const digest = await charts.told(version, ctx)
    const pushed = plausible(timeFrom(version.created))
    const told = {
      tag,
      mediaType: OCI_MANIFEST,
      labels: version.keywords ?? [],
      ...(pushed ? { pushed } : {}),
      deprecated: version.deprecated ?? false,
    }
    yield digest ? { ...told, digest } : told
  }
}

function notFound(message: string): RegistryError {
  return new RegistryError(message, { status: 404, method: 'GET', path: 'index.yaml', retryable: false })
}

/** A source as a store of a registry that only gives. */
export function readOnlyStore(source: ContentSource, registry: string): ContentStore {
  const refuse = async (): Promise<never> => {
    throw new UnsupportedError(`${registry} can only be read`, { hint: 'use another registry as the destination' })
  }
  return { ...source, hasBlob: refuse, writeBlob: refuse, writeManifest: refuse }
}
