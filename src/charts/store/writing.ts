/** One chart of a server that takes charts: the parts of an artifact wait until its manifest tells what they are together. */

import { CHART_LAYER, chartIn, PROVENANCE_LAYER } from '../../core/chart.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { IntegrityError, RegistryError, UnsupportedError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { HELM_CONFIG, type Manifest } from '../../core/manifest.ts'
import { readArchive } from '../chart/archive.ts'
import { tagOf } from '../chart/artifact.ts'
import type { ChartVersion } from '../index/index.ts'
import { type Charts, LARGEST_ARCHIVE } from './charts.ts'
import { type Held, hold } from './held.ts'
import { chartSource } from './store.ts'

/** A server that takes charts. */
export interface ChartServer {
  /** Resolves with false where the server has another archive of that version, and `isOver` does not say that it may go. */
  push(
    version: ChartVersion,
    archive: Held,
    provenance: Held | undefined,
    isOver: boolean,
    ctx: Context,
  ): Promise<boolean>
  pushProvenance(version: ChartVersion, provenance: Held, ctx: Context): Promise<void>
  /** With its provenance; one that is gone is deleted already. */
  remove(version: ChartVersion, ctx: Context): Promise<void>
}

/** Content waits this long at most: what is sent again when it is missing. */
const MOST_WAITING = 128

/** What waits for its manifest, of all charts of a server. */
export class Waiting {
  readonly #held = new Map<string, Held>()
  /** Provenance that the server has. */
  readonly #there = new Set<string>()

  add(chart: string, held: Held): void {
    this.take(chart, held.digest)?.drop()
    this.#held.set(`${chart} ${held.digest}`, held)
    for (const [key, oldest] of this.#held) {
      if (this.#held.size <= MOST_WAITING) break
      this.#held.delete(key)
      oldest.drop()
    }
  }

  get(chart: string, digest: Digest): Held | undefined {
    return this.#held.get(`${chart} ${digest}`)
  }

  take(chart: string, digest: Digest): Held | undefined {
    const held = this.get(chart, digest)
    this.#held.delete(`${chart} ${digest}`)
    return held
  }

  written(chart: string, digest: Digest): void {
    this.#there.add(`${chart} ${digest}`)
  }

  wasWritten(chart: string, digest: Digest): boolean {
    return this.#there.has(`${chart} ${digest}`)
  }

  close(): void {
    for (const held of this.#held.values()) held.drop()
    this.#held.clear()
  }
}

/** `chart` is the last part of `repository`. */
export function chartStore(
  repository: string,
  chart: string,
  charts: Charts,
  server: ChartServer,
  waiting: Waiting,
): ContentStore {
  async function archived(digest: Digest, ctx: Context): Promise<ChartVersion | undefined> {
    const versions = (await charts.versions(chart, ctx)) ?? new Map<string, ChartVersion>()
    return [...versions.values()].find((version) => version.digest === digest)
  }

  async function write(manifest: Manifest, tag: string, ctx: Context): Promise<void> {
    const parts = chartIn(manifest)
    if (!parts) throw notChart(repository)
    const there = (await charts.versions(chart, ctx))?.get(tag)
    const archive = waiting.get(repository, parts.archive.digest)
    const provenance = parts.provenance && waiting.get(repository, parts.provenance.digest)
    if (there?.digest === parts.archive.digest) {
      if (provenance) await server.pushProvenance(there, provenance, ctx)
      if (parts.provenance) await written(parts.archive.digest, parts.provenance.digest, ctx)
      return
    }
    if (!archive || (parts.provenance && !provenance)) throw missing(parts.archive.digest)
    const { metadata } = await readArchive(archive.open(0, ctx))
    checkPlace(metadata, chart, tag, repository)
    const version: ChartVersion = { chart, version: metadata.version, digest: archive.digest, urls: [urlOf(metadata)] }
    let isWritten = await server.push(version, archive, provenance, there !== undefined, ctx)
    if (there?.digest && !provenance && (await charts.beside(there, there.digest, true, ctx)).length > 0) {
      // The old provenance goes only together with the chart, which the server has just shown to take.
      await server.remove(there, ctx)
      isWritten = await server.push(version, archive, undefined, false, ctx)
    }
    if (!isWritten) {
      throw new RegistryError(
        `chart ${chart} ${version.version} was pushed by somebody else meanwhile, with other content`,
        {
          status: 409,
          method: 'POST',
          path: repository,
          hint: 'run the policy again: it compares both then',
        },
      )
    }
    await charts.note(version, true, ctx)
    await written(archive.digest, provenance?.digest, ctx)
  }

  async function written(archive: Digest, provenance: Digest | undefined, ctx: Context): Promise<void> {
    if (provenance) waiting.written(repository, provenance)
    await charts.noteProvenance(archive, provenance, ctx)
  }

  return {
    ...chartSource(charts, chart),
    async hasBlob(blob, ctx) {
      // The server makes it of the archive.
      if (blob.mediaType === HELM_CONFIG) return true
      if (blob.mediaType === PROVENANCE_LAYER)
        return waiting.wasWritten(repository, blob.digest) || charts.homeOf(blob.digest)?.chart === chart
      return (await archived(blob.digest, ctx)) !== undefined
    },
    async writeBlob(blob, open) {
      if (blob.mediaType === HELM_CONFIG) return
      if (blob.mediaType !== CHART_LAYER && blob.mediaType !== PROVENANCE_LAYER && !blob.mediaType.includes('tar+gzip'))
        throw notChart(repository)
      const held = await hold(await open(0), LARGEST_ARCHIVE, `blob ${blob.digest}`)
      if (held.digest !== blob.digest) {
        held.drop()
        throw new IntegrityError(`blob ${blob.digest} is ${held.digest}`)
      }
      waiting.add(repository, held)
    },
    async writeManifest(manifest, tag, ctx) {
      try {
        await write(manifest, tag, ctx)
      } catch (error) {
        // What the server refuses for good need not wait for another attempt.
        if (!(error instanceof RegistryError && error.retryable)) drop(manifest)
        throw error
      }
      drop(manifest)
    },
    async deleteTag(tag, ctx) {
      const version = (await charts.versions(chart, ctx))?.get(tag)
      if (!version) return
      await server.remove(version, ctx)
      await charts.note(version, false, ctx)
    },
    deletes: async () => 'tag',
  }

  function drop(manifest: Manifest): void {
    const parts = chartIn(manifest)
    for (const part of [parts?.archive, parts?.provenance]) if (part) waiting.take(repository, part.digest)?.drop()
  }
}

function urlOf({ name, version }: { readonly name: string; readonly version: string }): string {
  return `charts/${name}-${version}.tgz`
}

function checkPlace(
  { name, version }: { readonly name: string; readonly version: string },
  chart: string,
  tag: string,
  repository: string,
): void {
  const hint = 'a chart keeps its name and version here: exclude it, or copy it under its own'
  if (name !== chart) {
    throw new UnsupportedError(
      `${repository} cannot hold the chart ${foreignName(name)}: its last part is not its name`,
      { hint },
    )
  }
  if (tagOf(version) !== tag) {
    throw new UnsupportedError(`the tag ${tag} is not the version of the chart ${chart}, which is ${version}`, { hint })
  }
}

function notChart(repository: string): UnsupportedError {
  return new UnsupportedError(`${repository} can hold charts only`, { hint: 'set filters.resource: chart' })
}

/** Makes the transfer send it again. */
function missing(digest: Digest): RegistryError {
  return new RegistryError(`${digest} was not sent yet`, {
    status: 404,
    method: 'POST',
    path: '',
    codes: ['MANIFEST_BLOB_UNKNOWN'],
    retryable: true,
  })
}
