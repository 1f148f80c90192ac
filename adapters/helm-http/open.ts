/** Opens a classic chart repository: each chart of its index is a repository. */

import { Charts } from '../../src/charts/store/charts.ts'
import { Origin } from '../../src/charts/store/origin.ts'
import { chartSource, chartTags, readOnlyStore } from '../../src/charts/store/store.ts'
import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Registry } from '../../src/core/registry.ts'

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const { url, options = {} } = registry
  if (url === undefined) throw new ConfigurationError(`registry ${registry.name} has no url`)
  const prefix = typeof options.namespace === 'string' && options.namespace ? `${options.namespace}/` : ''
  const passes = options.pass_credentials === true
  // Made when it is first asked: an adapter is also opened only to be shown.
  let made: Charts | undefined
  const charts = (): Charts => {
    made ??= opened()
    return made
  }
  const opened = (): Charts =>
    new Charts(
      new Origin({
        http: tools.http(),
        url: typeof options.query === 'string' ? `${url}?${options.query}` : url,
        ...(passes ? { elsewhere: (other: URL) => tools.api({ url: other.origin }) } : {}),
        cache: tools.cache,
      }),
      tools.registryAt,
    )
  /** Of a repository; one outside of the namespace is not there. */
  const chartOf = (name: string): string => (name.startsWith(prefix) ? name.slice(prefix.length) : '')
  return {
    async ping(ctx) {
      await charts().index(ctx)
    },
    repository: (name) => readOnlyStore(chartSource(charts(), chartOf(name)), registry.name),
    async *repositories(_, ctx) {
      for (const chart of (await charts().index(ctx)).charts.keys()) yield prefix + chart
    },
    listTags: (name, ctx) => chartTags(charts(), chartOf(name), ctx),
    close: async () => made?.close(),
  }
}
