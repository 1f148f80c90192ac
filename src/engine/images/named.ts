/** The images that the charts of a policy name: found chart by chart, each image once, with where it lands. */

import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import type { ChartImages, NamedImage } from '../../core/images.ts'
import { isIndex, isSchema1 } from '../../core/manifest.ts'
import { plural } from '../../core/plural.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import type { ChartImageRecords } from '../../history/chart-images.ts'
import { type Endpoint, type ManifestMemory, readTagged } from '../endpoint.ts'
import { mapRepository } from '../plan/mapping.ts'
import type { ImageTools } from './tools.ts'

/** Warnings about charts; the rest is counted. */
const MOST_WARNINGS = 100

/** An artifact of the policy's source that may be a chart. */
export interface ChartPlace {
  readonly repository: string
  readonly tag?: string | undefined
  readonly digest: Digest
  readonly mediaType: string
}

/** An image with where it lands. */
export interface Landing {
  /** What the configuration calls its registry. */
  readonly registry: string
  readonly from: { readonly repository: string; readonly tag?: string; readonly digest?: Digest }
  readonly to: { readonly repository: string; readonly tag?: string }
  /** The first chart that names it. */
  readonly named_by: string
}

export interface NamedImages {
  /** Throws where the chart cannot be read. */
  note(chart: ChartPlace, ctx: Context): Promise<void>
  /** In the order of their names. Of images that differ only in their digest one gets the tag. */
  landings(): readonly Landing[]
  /** Warns of what could not be resolved. */
  report(ctx: Context): void
}

export interface NamingRequest {
  readonly policy: Policy
  readonly source: Endpoint
  readonly memory: ManifestMemory
  readonly records: ChartImageRecords | undefined
  readonly tools: ImageTools
}

interface Wanted {
  readonly image: NamedImage
  readonly registry: string
  readonly named_by: string
}

export function createNamedImages(request: NamingRequest): NamedImages {
  const { policy, source, memory, records, tools } = request
  const wanted = new Map<string, Wanted>()
  const unresolved = new Map<string, Unresolved>()

  async function imagesOf(chart: ChartPlace, ctx: Context): Promise<ChartImages | undefined> {
    const { repository, tag, digest } = chart
    const known = records?.find(digest, tools.key)
    if (known) return known.found
    const store = source.adapter.repository(repository)
    const read = async () => memory.peek(repository, digest) ?? readTagged(store, digest, tag, ctx)
    const looked = await tools.find(digest, store, read, ctx)
    if (looked.found?.lasting !== false) records?.keep(digest, tools.key, looked)
    return looked.found
  }

  return {
    async note(chart, ctx) {
      if (isIndex(chart.mediaType) || isSchema1(chart.mediaType)) return
      const found = await imagesOf(chart, ctx)
      if (!found) return
      const name = formatResource({ registry: source.registry.name, ...chart })
      for (const image of found.images) {
        const registry = tools.registryAt(image.host)
        const key = formatResource({ registry, ...image }) + (image.digest ?? '')
        if (!wanted.has(key)) wanted.set(key, { image, registry, named_by: name })
      }
      for (const why of found.unresolved) {
        const key = `${chart.repository} ${why}`
        const before = unresolved.get(key)
        if (before) before.others += 1
        else unresolved.set(key, { name, why, others: 0 })
      }
    },
    landings: () => landingsOf([...wanted.values()], policy),
    report(ctx) {
      const texts = [...unresolved.values()].map(({ name, why, others }) => {
        const more = others === 0 ? '' : ` and ${plural(others, 'other version')}`
        return `${name}${more}: ${why}`
      })
      const left = texts.length - MOST_WARNINGS
      const rest = left > 0 ? [`${plural(left, 'more place')} in charts may name images`] : []
      for (const text of [...texts.slice(0, MOST_WARNINGS), ...rest]) {
        if (!tools.told.has(text)) ctx.emit({ type: 'log', level: 'warning', text })
        tools.told.add(text)
      }
    },
  }
}

interface Unresolved {
  readonly name: string
  readonly why: string
  /** Further versions of the chart with the same. */
  others: number
}

function landingsOf(wanted: readonly Wanted[], policy: Policy): readonly Landing[] {
  const sorted = wanted.toSorted((a, b) => compare(keyOf(a), keyOf(b)))
  const tagged = new Set<string>()
  return sorted.map(({ image: { repository, tag, digest }, registry, named_by }): Landing => {
    const mapped = mapRepository(repository, policy.destination)
    // Of one image by several digests the first gets the tag, and it is the same one in every run.
    const source = `${registry}/${repository}:${tag}`
    const isFirst = tag !== undefined && tagged.size < tagged.add(source).size
    return {
      registry,
      from: { repository, ...(digest === undefined ? { tag: tag ?? '' } : { digest }) },
      to: { repository: mapped, ...(isFirst ? { tag } : {}) },
      named_by,
    }
  })
}

/** One without a digest before those with one. */
function keyOf({ image: { repository, tag, digest }, registry }: Wanted): string {
  return [registry, repository, tag, digest].join(' ')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
