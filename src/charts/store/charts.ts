/** The charts of one index, each read at most once while it is needed. */

import { chartIn } from '../../core/chart.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import { IntegrityError, isNotFound, RegistryError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { computeDigest, type Manifest } from '../../core/manifest.ts'
import { once } from '../../core/remembered.ts'
import { timeFrom } from '../../core/time.ts'
import { readArchive } from '../chart/archive.ts'
import { artifactOf, tagOf } from '../chart/artifact.ts'
import { isChartVersion } from '../chart/metadata.ts'
import type { ChartIndex, ChartVersion } from '../index/index.ts'
import { Archives, type Learned } from './archives.ts'
import { isOci, ociPlace, type RegistryAt, readOciChart } from './elsewhere.ts'
import { type Held, heldBytes, hold } from './held.ts'
import { isSameState, type Origin, type Validators, validatorsOf } from './origin.ts'
import { findProvenance, readProvenance, signs } from './provenance.ts'

/** In bytes; what Helm unpacks is smaller. */
export const LARGEST_ARCHIVE = 100 * 1024 * 1024
/** Charts kept open: those that running tasks read, and some more. */
const MOST_OPEN = 48

/** A chart whose archive was read, as the artifact it is presented as. */
export interface OpenChart {
  readonly manifest: Manifest
  /** By digest: config, archive, provenance. */
  readonly contents: ReadonlyMap<Digest, Held>
  readonly archive: Digest
  readonly isSigned: boolean
}

export class Charts {
  readonly #origin: Origin
  readonly #index: (ctx: Context) => Promise<ChartIndex>
  readonly #archives: Archives
  readonly #open = new Map<ChartVersion, Promise<OpenChart>>()
  /** Of those, the ones that are still being read. */
  readonly #opening = new Set<ChartVersion>()
  /** By the digest of a manifest, a config, an archive or a provenance file: the chart that it belongs to, if this run has read it. It may have
   *  been closed since: what waits for its turn reads it again. */
  readonly #homes = new Map<string, ChartVersion>()
  /** By chart: its versions, where this run has changed them. */
  readonly #changed = new Map<string, ReadonlyMap<string, ChartVersion>>()
  /** Digests of archives that this run has made sure of. */
  readonly #sure = new Map<ChartVersion, Digest>()

  readonly #registryAt: RegistryAt | undefined
  #read: ChartIndex | undefined

  /** `registryAt`: absent, what an index has at OCI registries is refused. */
  constructor(origin: Origin, registryAt?: RegistryAt) {
    this.#origin = origin
    this.#registryAt = registryAt
    this.#index = once(async (ctx) => {
      this.#read = await origin.readIndex(ctx)
      return this.#read
    })
    this.#archives = new Archives(origin.kept, async (ctx) => {
      await this.index(ctx)
      return origin.state
    })
  }

  index(ctx: Context): Promise<ChartIndex> {
    return this.#index(ctx)
  }

  /** By tag; undefined where there is no such chart. */
  async versions(chart: string, ctx: Context): Promise<ReadonlyMap<string, ChartVersion> | undefined> {
    const listed = (await this.index(ctx)).charts.get(chart)
    return this.#changed.get(chart) ?? listed
  }

  /** Notes what this run has written or deleted, which the index may tell later. */
  async note(version: ChartVersion, isThere: boolean, ctx: Context): Promise<void> {
    const { chart } = version
    const versions = new Map(await this.versions(chart, ctx))
    const tag = tagOf(version.version)
    const before = versions.get(tag)
    if (before) this.#forget(before)
    if (isThere) versions.set(tag, version)
    else versions.delete(tag)
    this.#changed.set(chart, versions)
  }

  /** True once the index of the server tells all that `note` was told. */
  async isTold(ctx: Context): Promise<boolean> {
    if (this.#changed.size === 0) return true
    const { charts } = await this.#origin.readIndex(ctx)
    return [...this.#changed].every(([chart, versions]) => {
      const told = charts.get(chart)
      if ((told?.size ?? 0) !== versions.size) return false
      return [...versions].every(([tag, { digest }]) => told?.get(tag)?.digest === digest)
    })
  }

  /** The version with a tag, with an archive of this digest, or presented by a manifest with this digest. */
  async find(chart: string, tagOrDigest: string, ctx: Context): Promise<ChartVersion | undefined> {
    const versions = await this.versions(chart, ctx)
    if (!versions) return undefined
    if (!tagOrDigest.includes(':')) return versions.get(tagOrDigest)
    const home = this.#homes.get(tagOrDigest)
    if (home?.chart === chart) return home
    const all = [...versions.values()]
    const claimed = all.find(({ digest }) => digest === tagOrDigest)
    if (claimed) return claimed
    for (const version of all) if ((await this.#learned(version, ctx))?.digest === tagOrDigest) return version
    return undefined
  }

  /** The chart that content belongs to. */
  homeOf(digest: Digest): ChartVersion | undefined {
    return this.#homes.get(digest)
  }

  /** The digest of a version's archive as the index has it; undefined where that is missing, known to be wrong, or no use. */
  async told(version: ChartVersion, ctx: Context): Promise<Digest | undefined> {
    if (!isChartVersion(version.version) || isOci(version) || (await this.#learned(version, ctx))) return undefined
    return version.digest
  }

  /** The digest of a version's archive, which is read only where the index does not tell, and no earlier run has read the same. */
  async archiveOf(version: ChartVersion, ctx: Context): Promise<Digest> {
    return explained(version, async () => {
      checkVersion(version)
      const known = this.#sure.get(version) ?? (await this.told(version, ctx))
      if (known) return known
      const learned = await this.#learned(version, ctx)
      if (learned && (await this.#isUnchanged(version, learned, ctx))) {
        this.#sure.set(version, learned.digest)
        return learned.digest
      }
      return (await this.open(version, ctx)).archive
    })
  }

  /** The provenance beside a version's archive. It is looked for where no run has seen this archive, or where `fresh` is set. */
  async beside(version: ChartVersion, archive: Digest, fresh: boolean, ctx: Context): Promise<readonly Digest[]> {
    const known = fresh ? undefined : await this.#archives.provenance(archive, ctx)
    if (known !== undefined) return known === 'none' ? [] : [known]
    return explained(version, async () => {
      const found = isOci(version)
        ? chartIn((await this.open(version, ctx)).manifest)?.provenance
        : await findProvenance(this.#origin, version.urls, ctx)
      await this.#archives.noteProvenance(archive, found?.digest, ctx)
      return found ? [found.digest] : []
    })
  }

  /** Notes what this run has written beside an archive. */
  async noteProvenance(archive: Digest, provenance: Digest | undefined, ctx: Context): Promise<void> {
    await this.#archives.noteProvenance(archive, provenance, ctx)
  }

  /** Reads a chart's archive and provenance, and checks them. */
  open(version: ChartVersion, ctx: Context): Promise<OpenChart> {
    const known = this.#open.get(version)
    if (known) {
      // The one used last is closed last.
      this.#open.delete(version)
      this.#open.set(version, known)
      return known
    }
    const opening = explained(version, () => this.#readChart(version, ctx))
    this.#open.set(version, opening)
    this.#opening.add(version)
    const opened = (): void => void this.#opening.delete(version)
    opening.then(opened, () => {
      opened()
      if (this.#open.get(version) === opening) this.#open.delete(version)
    })
    for (const oldest of this.#open.keys()) {
      if (this.#open.size - this.#opening.size <= MOST_OPEN) break
      if (!this.#opening.has(oldest)) this.#drop(oldest)
    }
    return opening
  }

  async close(): Promise<void> {
    for (const version of [...this.#open.keys()]) this.#drop(version)
    await this.#archives.close(() => this.#digests())
  }

  /** Of all archives, as the index and this run's changes have them. */
  #digests(): ReadonlySet<Digest> {
    const all = [...(this.#read?.charts.values() ?? []), ...this.#changed.values()]
    return new Set(all.flatMap((versions) => [...versions.values()].flatMap(({ digest }) => digest ?? [])))
  }

  #drop(version: ChartVersion): void {
    const opened = this.#open.get(version)
    this.#open.delete(version)
    const drop = ({ contents }: OpenChart): void => {
      for (const held of contents.values()) held.drop()
    }
    opened?.then(drop, () => {})
  }

  /** The same, of one that is no more. */
  #forget(version: ChartVersion): void {
    this.#drop(version)
    for (const [digest, home] of this.#homes) if (home === version) this.#homes.delete(digest)
  }

  async #readChart(version: ChartVersion, ctx: Context): Promise<OpenChart> {
    checkVersion(version)
    if (isOci(version)) return this.#readOci(version, ctx)
    const { url, held, validators } = await this.#archive(version, ctx)
    try {
      await this.#compareDigest(version, url, held.digest, validators, ctx)
      const { metadata, newest } = await readArchive(held.open(0, ctx))
      if (metadata.name !== version.chart || metadata.version !== version.version) {
        const is = `${foreignName(metadata.name)} ${foreignName(metadata.version)}`
        throw new IntegrityError(`its archive holds ${is}`)
      }
      const provenance = await readProvenance(this.#origin, url, ctx)
      await this.#noteSigned(version, held.digest, provenance, ctx)
      const created = timeFrom(version.created) ?? newest
      const { manifest, config } = artifactOf(metadata, held, provenance, created)
      const parts = [heldBytes(config, computeDigest(config)), held, ...(provenance ? [provenance] : [])]
      for (const digest of [manifest.digest, ...parts.map((part) => part.digest)]) this.#homes.set(digest, version)
      const contents = new Map(parts.map((part) => [part.digest, part]))
      return { manifest, contents, archive: held.digest, isSigned: provenance !== undefined }
    } catch (error) {
      held.drop()
      throw error
    }
  }

  /** The index may say any digest of it: the registry's own decides. */
  async #readOci(version: ChartVersion, ctx: Context): Promise<OpenChart> {
    const opened = await readOciChart(await ociPlace(version, this.#registryAt), ctx)
    for (const digest of [opened.manifest.digest, ...opened.contents.keys()]) this.#homes.set(digest, version)
    this.#sure.set(version, opened.archive)
    const claimed = version.digest ? { claimed: version.digest } : {}
    const learned = { digest: opened.archive, url: version.urls[0] ?? '', etag: opened.manifest.digest, ...claimed }
    await this.#archives.learn(keyOf(version), learned, ctx)
    await this.#archives.noteProvenance(opened.archive, chartIn(opened.manifest)?.provenance?.digest, ctx)
    return opened
  }

  async #compareDigest(
    version: ChartVersion,
    url: URL,
    digest: Digest,
    validators: Validators,
    ctx: Context,
  ): Promise<void> {
    this.#sure.set(version, digest)
    if (version.digest === digest) return
    if (version.digest) {
      const text = `chart ${version.chart} ${version.version}: the index says ${version.digest}, its archive is ${digest}`
      ctx.emit({ type: 'log', level: 'warning', text })
    }
    const claimed = version.digest ? { claimed: version.digest } : {}
    await this.#archives.learn(keyOf(version), { digest, url: url.href, ...claimed, ...validators }, ctx)
  }

  /** The first of its URLs that has it. */
  async #archive(
    version: ChartVersion,
    ctx: Context,
  ): Promise<{ readonly url: URL; readonly held: Held; readonly validators: Validators }> {
    if (version.urls.length === 0) throw new IntegrityError('the index has no URL for it')
    let missing: unknown
    for (const text of version.urls) {
      for (const url of this.#origin.spellings(text)) {
        try {
          const response = await this.#origin.read(url, [200], undefined, ctx)
          const held = await hold(response.body, LARGEST_ARCHIVE, 'its archive')
          return { url, held, validators: validatorsOf(response) }
        } catch (error) {
          if (!isNotFound(error)) throw error
          missing ??= error
        }
      }
    }
    throw missing
  }

  async #noteSigned(version: ChartVersion, archive: Digest, provenance: Held | undefined, ctx: Context): Promise<void> {
    await this.#archives.noteProvenance(archive, provenance?.digest, ctx)
    if (!provenance || (await signs(provenance, archive, ctx))) return
    const text = `chart ${version.chart} ${version.version}: its provenance signs another archive`
    ctx.emit({ type: 'log', level: 'warning', text })
  }

  async #learned(version: ChartVersion, ctx: Context): Promise<Learned | undefined> {
    const learned = await this.#archives.learned(keyOf(version), ctx)
    return learned?.claimed === version.digest ? learned : undefined
  }

  /** Whether an archive is still what it was when an earlier run read it. */
  async #isUnchanged(version: ChartVersion, learned: Learned, ctx: Context): Promise<boolean> {
    if (isOci(version)) {
      const { store, tag } = await ociPlace(version, this.#registryAt)
      return (await store.resolve(tag, ctx))?.digest === learned.etag
    }
    if ((learned.etag ?? learned.modified) === undefined) return false
    const response = await this.#origin.read(this.#origin.locate(learned.url), [200, 304], learned, ctx)
    await response.discard()
    return response.status === 304 || isSameState(learned, validatorsOf(response))
  }
}

function keyOf({ chart, version }: ChartVersion): string {
  return `${chart}-${version}`
}

function checkVersion({ version }: ChartVersion): void {
  if (!isChartVersion(version)) throw new IntegrityError(`${foreignName(version)} is not a semantic version`)
}

/** Errors that name the chart, so that one of thousands is found. */
async function explained<T>(version: ChartVersion, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const name = `chart ${foreignName(version.chart)} ${foreignName(version.version)}`
    if (error instanceof IntegrityError && !error.message.startsWith('chart '))
      throw new IntegrityError(`${name}: ${error.message}`, { cause: error, hint: error.hint })
    if (isNotFound(error) && error instanceof RegistryError && !error.message.startsWith('chart '))
      throw new RegistryError(`${name} is in the index, and its archive is not there: ${error.message}`, {
        ...error,
        cause: error,
      })
    throw error
  }
}
