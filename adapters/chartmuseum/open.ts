/** Opens a ChartMuseum: its tenants, each with an index of its own, and their charts. */

import { setTimeout as sleep } from 'node:timers/promises'
import { Charts } from '../../src/charts/store/charts.ts'
import { Origin } from '../../src/charts/store/origin.ts'
import { chartTags } from '../../src/charts/store/store.ts'
import { chartStore, Waiting } from '../../src/charts/store/writing.ts'
import type { Adapter, AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { ConfigurationError, isNotFound, RegistryError, UnsupportedError } from '../../src/core/errors.ts'
import { compilePattern } from '../../src/core/pattern.ts'
import { namespaceOf } from '../../src/core/reference.ts'
import type { Registry } from '../../src/core/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { createServer, indexUrl, type Place, pullScope, withoutArchives } from './api.ts'

/** How long the server is given to tell what was written, in milliseconds: it makes its index a moment later. */
const TOLD_WITHIN = 5_000
const ASKED_EVERY = 100

export function open(registry: Registry, tools: AdapterTools): Adapter {
  const { url, options = {} } = registry
  if (url === undefined) throw new ConfigurationError(`registry ${registry.name} has no url`)
  const place = { url, isHarbor: options.api === 'chartrepo' }
  const tenants = new Map<string, Charts>()
  const waiting = new Waiting()

  function chartsOf(tenant: string): Charts {
    const known = tenants.get(tenant)
    if (known) return known
    const scopes = [pullScope(tenant)]
    const charts = new Charts(
      new Origin({
        http: withoutArchives(tools.http()),
        url: indexUrl(place, tenant),
        scopes,
        explain: (error) => noTenant(error, place, tenant),
        cache: tools.cache,
      }),
    )
    tenants.set(tenant, charts)
    return charts
  }

  return {
    async ping(ctx) {
      try {
        await chartsOf('').index(ctx)
      } catch (error) {
        if (!isNoIndex(error)) throw error
        // Where it is not a ChartMuseum at all, tenants explain nothing.
        await checkHealth(place, tools, isOfArchives(place) ? error : (error.cause ?? error), ctx)
      }
    },
    repository(name) {
      const { tenant, chart } = partsOf(name)
      const charts = chartsOf(tenant)
      return chartStore(name, chart, charts, createServer(place, tenant, tools.http(), charts), waiting)
    },
    async *repositories({ namespaces, names }, ctx) {
      const named =
        tenantsIn(namespaces, (pattern) => pattern) ?? tenantsIn(names, (pattern) => namespaceOf(pattern) ?? '')
      for (const tenant of named ?? ['']) {
        try {
          const { charts } = await chartsOf(tenant).index(ctx)
          for (const chart of charts.keys()) yield tenant === '' ? chart : `${tenant}/${chart}`
        } catch (error) {
          if (named || !isNoIndex(error)) throw error
          throw new UnsupportedError(`the tenants of ${registry.name} cannot be listed`, {
            cause: error,
            hint: 'name them in the filter: name: [org/repo/*, …]',
          })
        }
      }
    },
    listTags(name, ctx) {
      const { tenant, chart } = partsOf(name)
      return chartTags(chartsOf(tenant), chart, ctx)
    },
    async commit(_, ctx) {
      const until = performance.now() + TOLD_WITHIN
      for (const charts of tenants.values()) {
        while (!(await charts.isTold(ctx)) && performance.now() < until && !ctx.signal.aborted) await sleep(ASKED_EVERY)
      }
    },
    async close() {
      waiting.close()
      await Promise.all([...tenants.values()].map((charts) => charts.close()))
    },
  }
}

function partsOf(name: string): { readonly tenant: string; readonly chart: string } {
  const tenant = namespaceOf(name) ?? ''
  return { tenant, chart: tenant === '' ? name : name.slice(tenant.length + 1) }
}

/** The tenants that patterns spell out; undefined where one has a wildcard there. */
function tenantsIn(patterns: readonly string[], tenantOf: (pattern: string) => string): readonly string[] | undefined {
  const found = new Set<string>()
  for (const pattern of patterns) {
    const tenant = tenantOf(pattern)
    if (tenant === '') found.add('')
    else {
      const { literals } = compilePattern(tenant)
      if (!literals) return undefined
      for (const literal of literals) found.add(literal)
    }
  }
  return patterns.length === 0 ? undefined : [...found]
}

/** A server with tenants has no index at its root: none at all, or a web page in its place. */
function isNoIndex(error: unknown): error is RegistryError {
  return error instanceof RegistryError && (error.status === 404 || error.status === 200)
}

function noTenant(error: unknown, place: Place, tenant: string): unknown {
  if (!isNoIndex(error)) return error
  if (tenant === '' && isOfArchives(place)) {
    return restated(error, `there is no index below ${place.url}: ${error.message}`, 'leave `/charts` out of `url:`')
  }
  const what = tenant === '' ? 'the server has no charts outside of tenants' : `${tenant} is not a tenant of the server`
  const hint = 'before the name of a chart stand as many parts as the server was given for --depth: none by default'
  return restated(error, `${what}: ${error.message}`, hint)
}

/** Where a server may have the archives of a tenant, and no tenant. */
function isOfArchives({ url }: Place): boolean {
  return new URL(url).pathname.endsWith('/charts')
}

async function checkHealth(
  { url, isHarbor }: Place,
  tools: AdapterTools,
  absent: unknown,
  ctx: Context,
): Promise<void> {
  try {
    const response = await withoutArchives(tools.http()).request(
      { method: 'GET', url: `${url}${isHarbor ? '/api/chartrepo' : ''}/health` },
      ctx,
    )
    const health: unknown = await response.json()
    if (Object(health).healthy === true) return
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  throw absent
}
