/** Opens Artifact Hub: names from its API, charts from the repositories of their publishers. */

import { Charts } from '../../src/charts/store/charts.ts'
import { Origin } from '../../src/charts/store/origin.ts'
import { chartSource, chartTags, nameOf, readOnlyStore } from '../../src/charts/store/store.ts'
import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { ContentSource } from '../../src/core/content.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, isNotFound, UnsupportedError } from '../../src/core/errors.ts'
import { foreignName } from '../../src/core/foreign.ts'
import { isRepositoryName } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { once, remembered } from '../../src/core/remembered.ts'
import { allPackages, findPackage, type Package, ping } from './api.ts'

/** A chart, in the index of its publisher. */
interface Found {
  readonly charts: Charts
  readonly chart: string
}

export function open({ name: registry, url = '' }: Registry, tools: AdapterTools): Adapter {
  if (/^https?:\/\/hub\.helm\.sh(\/|$)/.test(url)) {
    const hint = 'url: https://artifacthub.io, with the same names of repositories and charts'
    throw new ConfigurationError(`registry ${registry}: Helm Hub is gone, and Artifact Hub has its charts`, { hint })
  }
  const publishers = new Map<string, Charts>()
  const listed = new Map<string, Package>()
  const all = once(async (ctx) => {
    for (const one of await allPackages(tools.http(), ctx)) listed.set(`${one.repository.name}/${one.name}`, one)
    return listed
  })
  const find = remembered(async (name: string, ctx): Promise<Found> => {
    const [repository = '', chart = ''] = name.split('/')
    return placeOf(name, listed.get(name) ?? (await findPackage(tools.http(), repository, chart, ctx)))
  })

  /** Publishers get no credential: the client is Artifact Hub's own, which sends one to that alone. */
  function placeOf(name: string, { name: chart, repository }: Package): Found {
    if (!/^https?:\/\//.test(repository.url)) {
      const source = foreignName(repository.url.replace(/^oci:\/\//, ''))
      throw new UnsupportedError(`the charts of ${name} are in an OCI registry`, {
        hint: `use that as the source: ${source}`,
      })
    }
    const charts =
      publishers.get(repository.url) ??
      new Charts(new Origin({ http: tools.http(), url: repository.url, cache: tools.cache }))
    publishers.set(repository.url, charts)
    return { charts, chart }
  }

  return {
    ping: (ctx) => ping(tools.http(), ctx),
    repository: (name) =>
      readOnlyStore(
        packageSource((ctx) => find(name, ctx)),
        registry,
      ),
    async *repositories(_, ctx) {
      for (const name of (await all(ctx)).keys()) if (isRepositoryName(name)) yield name
    },
    async *namespaces(ctx) {
      const found = [...(await all(ctx)).values()]
      yield* new Set(found.map(({ repository }) => repository.name))
    },
    async *listTags(name, ctx) {
      const { charts, chart } = await find(name, ctx)
      yield* chartTags(charts, chart, ctx)
    },
    async close() {
      for (const charts of publishers.values()) await charts.close()
    },
  }
}

/** A chart whose place is asked for when something is read of it. */
function packageSource(find: (ctx: Context) => Promise<Found>): ContentSource {
  const source = async (ctx: Context): Promise<ContentSource> => {
    const { charts, chart } = await find(ctx)
    return chartSource(charts, chart)
  }
  return {
    nameOf,
    async resolve(tagOrDigest, ctx) {
      const found = await source(ctx).catch((error: unknown) => {
        if (isNotFound(error)) return undefined
        throw error
      })
      return found?.resolve(tagOrDigest, ctx)
    },
    beside: async (name, tag, fresh, ctx) => (await (await source(ctx)).beside?.(name, tag, fresh, ctx)) ?? [],
    readManifest: async (tagOrDigest, ctx) => (await source(ctx)).readManifest(tagOrDigest, ctx),
    readBlob: async (blob, offset, ctx) => (await source(ctx)).readBlob(blob, offset, ctx),
    async *tags(ctx) {
      yield* (await source(ctx)).tags(ctx)
    },
  }
}
