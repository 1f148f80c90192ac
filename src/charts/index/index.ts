/** What a chart repository's index says of its charts, and no more of it than is needed. */

import { type Digest, parseDigest } from '../../core/descriptor.ts'
import { IntegrityError } from '../../core/errors.ts'
import { tagOf } from '../chart/artifact.ts'

/** One version of a chart, as the index has it. */
export interface ChartVersion {
  readonly chart: string
  readonly version: string
  /** Of the archive, as the index says: a hint. */
  readonly digest?: Digest
  /** Of the archive, perhaps relative to the index; each is the same content. */
  readonly urls: readonly string[]
  readonly created?: string
  readonly keywords?: readonly string[]
  readonly deprecated?: true
}

export interface ChartIndex {
  /** By chart and by tag. */
  readonly charts: ReadonlyMap<string, ReadonlyMap<string, ChartVersion>>
  /** The path that ChartMuseum is served at, where it says so. */
  readonly contextPath?: string
  /** How many entries name no chart or no version. */
  readonly nameless: number
}

/** What stands in an entry, of whatever type; texts are as Go reads them. */
export interface Entry {
  readonly name?: string | undefined
  readonly version?: string | undefined
  readonly digest?: string | undefined
  readonly urls?: readonly string[] | undefined
  readonly created?: string | undefined
  readonly keywords?: readonly string[] | undefined
  readonly deprecated?: boolean | undefined
}

/** In an index. */
const MOST_VERSIONS = 2_000_000
/** Of a name, a version, a URL. */
const LONGEST = 4096
const MOST_URLS = 16
const MOST_KEYWORDS = 100

export class IndexBuilder {
  readonly #charts = new Map<string, Map<string, ChartVersion>>()
  readonly #texts = new Map<string, string>()
  #versions = 0
  #nameless = 0
  #contextPath: string | undefined
  /** The index has said which version of the format it is. */
  hasVersion = false

  chart(name: string): void {
    if (!this.#charts.has(name)) this.#charts.set(this.#once(name), new Map())
  }

  /** `chart`: the key that the entry stands under. */
  add(chart: string, entry: Entry): void {
    const { version, digest, urls = [], created, keywords = [], deprecated } = entry
    const isLong = [chart, version, created, ...urls].some((text) => text !== undefined && text.length > LONGEST)
    if (!entry.name || !version || isLong || urls.length > MOST_URLS) {
      this.#nameless += 1
      return
    }
    this.#versions += 1
    if (this.#versions > MOST_VERSIONS) throw new IntegrityError(`the index has more than ${MOST_VERSIONS} versions`)
    this.chart(chart)
    const versions = this.#charts.get(chart) ?? new Map<string, ChartVersion>()
    const tag = tagOf(version)
    // As Helm, which takes the first of several.
    if (versions.has(tag)) return
    const parsed = digest === undefined ? undefined : digestFrom(digest)
    versions.set(copied(tag), {
      chart: this.#once(chart),
      version: copied(version),
      urls: urls.map(copied),
      ...(parsed ? { digest: parsed } : {}),
      ...(created ? { created: copied(created) } : {}),
      ...(keywords.length > 0 ? { keywords: keywords.slice(0, MOST_KEYWORDS).map((text) => this.#once(text)) } : {}),
      ...(deprecated ? { deprecated } : {}),
    })
  }

  context(path: string): void {
    this.#contextPath = path
  }

  built(): ChartIndex {
    const path = this.#contextPath
    return { charts: this.#charts, nameless: this.#nameless, ...(path ? { contextPath: path } : {}) }
  }

  /** Thousands of versions share their texts. */
  #once(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    const own = copied(text)
    this.#texts.set(own, own)
    return own
  }
}

/** With or without its algorithm; undefined for anything else. */
function digestFrom(text: string): Digest | undefined {
  const lower = text.trim().toLowerCase()
  return parseDigest(copied(lower.includes(':') ? lower : `sha256:${lower}`))
}

/** A text of its own: part of another would keep all of that in memory. */
function copied(text: string): string {
  return Buffer.from(text).toString()
}
