/** What tests of the engine share: policies from a few fields, and registries in memory as the two sides of one. */

import { onTestFinished } from 'vitest'
import { dockerRegistry } from '../../adapters/docker-registry/index.ts'
import type { AdapterType, TagInfo } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import type { Event } from '../../src/core/events.ts'
import type { Explanation, TaskSpec } from '../../src/core/plan.ts'
import type { Filters, Policy } from '../../src/core/policy.ts'
import { formatResource } from '../../src/core/reference.ts'
import { type Endpoint, ManifestMemory } from '../../src/engine/endpoint.ts'
import type { PlanRequest } from '../../src/engine/plan/comparison.ts'
import { makePlan, type PlanTotals } from '../../src/engine/plan/plan.ts'
import { sidedEndpoint } from '../../src/engine/sided.ts'
import { createHttpClient } from '../../src/http/client.ts'
import { ociRegistry } from '../../src/oci/registry/registry.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../support/memory-registry.ts'

export interface PolicyFields extends Partial<Omit<Policy, 'filters' | 'source' | 'destination'>> {
  readonly filters?: Partial<Filters>
  readonly namespaces?: readonly string[]
  readonly destination?: Partial<Policy['destination']>
}

/** A policy from `from` to `to`, into the namespace `mirror` with paths kept, and every default filled in. */
export function policyOf({ filters, namespaces, destination, ...fields }: PolicyFields = {}): Policy {
  return {
    name: 'copy',
    enabled: true,
    scope: 'system',
    source: { registry: 'from', ...(namespaces ? { namespaces } : {}) },
    destination: { registry: 'to', namespace: 'mirror', flatten: 0, create: true, public: false, ...destination },
    also: [],
    filters: { resource: 'all', untagged: false, platforms_index: 'sparse', ...filters },
    order: 'oldest',
    on_overlap: 'skip',
    allow_empty: false,
    foreign_layers: false,
    verify: 'digest',
    referrers: true,
    override: true,
    deletion: 'never',
    triggers: [],
    retry: { attempts: 1, delay: 1000 },
    ...fields,
  }
}

export async function memoryRegistry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry(options)
  onTestFinished(() => registry.close())
  return registry
}

/** One side of a policy; `facts` are of its adapter, `tags` what its own API says of a repository's tags. */
export function endpoint(
  name: 'from' | 'to',
  { url }: { readonly url: string },
  facts: Partial<AdapterType> = {},
  tags?: (repository: string) => readonly TagInfo[],
): Endpoint {
  const registry = { name, type: 'docker-registry', url }
  const credential = async () => ({ kind: 'anonymous', origin: 'none' }) as const
  const http = createHttpClient({
    url,
    host: new URL(url).host,
    name,
    credential,
    userAgent: 'replicate-test',
    secrets: () => {},
  })
  onTestFinished(() => http.close())
  const adapter = ociRegistry(registry, { http: () => http, api: () => http, credential })
  const listTags = tags && {
    async *listTags(repository: string) {
      yield* tags(repository)
    },
  }
  return sidedEndpoint(
    { registry, type: { ...dockerRegistry, ...facts }, adapter: { ...adapter, ...listTags } },
    name === 'from' ? 'source' : 'destination',
  )
}

export interface Planned {
  readonly tasks: readonly TaskSpec[]
  readonly unchanged: number
  readonly totals: PlanTotals
  /** Every verdict in the order it was given. */
  readonly explanations: readonly Explanation[]
  readonly logs: readonly string[]
}

export async function planOf(
  policy: Policy,
  source: Endpoint,
  destination: Endpoint,
  request: Partial<PlanRequest> = {},
): Promise<Planned> {
  const tasks: TaskSpec[] = []
  const explanations: Explanation[] = []
  const logs: string[] = []
  let unchanged = 0
  const ctx: Context = {
    signal: new AbortController().signal,
    emit: (event: Event) => {
      if (event.type === 'log' && event.level !== 'debug') logs.push(event.text)
    },
  }
  const totals = await makePlan(
    {
      policy,
      source,
      destination,
      memory: new ManifestMemory(),
      explain: (resource, verdict) =>
        explanations.push({ resource: formatResource({ registry: 'from', ...resource }), ...verdict }),
      ...request,
    },
    {
      task: (task) => tasks.push(task),
      unchanged: () => {
        unchanged += 1
      },
    },
    ctx,
  )
  return { tasks, unchanged, totals, explanations, logs }
}

/** The destination tags of a plan's actions, sorted: `mirror/app:v1`. */
export function destinationsOf(tasks: readonly TaskSpec[]): readonly string[] {
  return tasks.map(({ destination, digest }) => formatResource({ ...destination, digest }).replace(/^to\//, '')).sort()
}
