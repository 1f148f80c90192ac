/** Harbor's replication policies, as its API gives them: a list or one, or `{registries: […], policies: […]}`. */

import { z } from 'zod'
import type { ConfigurationFile } from '../../source.ts'
import { destinationOf } from '../copies.ts'
import { type Draft, type EntryPath, literal, type Plain, type PlainMapping } from '../draft.ts'
import { below, type Foreign, type Origin, readForeign } from '../foreign.ts'
import { noteUnknown, noteWithout } from '../unknown.ts'
import { truth, whole } from '../values.ts'
import { HarborRegistries, type HarborRegistry, registrySchema } from './registries.ts'

const text = z.string().exactOptional()

const filter = z.strictObject({
  type: z.string(),
  value: z.union([z.string(), z.array(z.string())]).exactOptional(),
  decoration: text,
})

const policySchema = z.strictObject({
  id: text,
  name: z.string(),
  description: text,
  creator: text,
  src_registry: registrySchema.exactOptional(),
  dest_registry: registrySchema.exactOptional(),
  dest_namespace: text,
  dest_namespace_replace_count: whole.exactOptional(),
  trigger: z
    .strictObject({ type: text, trigger_settings: z.strictObject({ cron: text }).exactOptional() })
    .exactOptional(),
  filters: z.array(filter).exactOptional(),
  // Harbor leaves out what is false.
  replicate_deletion: truth.default(false),
  deletion: truth.default(false),
  override: truth.default(false),
  enabled: truth.default(false),
  creation_time: text,
  update_time: text,
  speed: whole.exactOptional(),
  copy_by_chunk: truth.exactOptional(),
  single_active_replication: truth.exactOptional(),
})

const bothSchema = z.strictObject({ registries: z.array(registrySchema).default([]), policies: z.array(policySchema) })

type HarborPolicy = z.output<typeof policySchema>

export function importHarbor(file: ConfigurationFile, draft: Draft, cwd: string): void {
  const { registries, policies } = readPolicies(file, draft, cwd)
  const known = new HarborRegistries(draft, registries)
  for (const { policy, origin } of policies) addPolicy(draft, policy, known, origin)
}

interface Placed {
  readonly policy: HarborPolicy
  readonly origin: Origin
}

interface Policies {
  readonly registries: readonly { readonly registry: HarborRegistry; readonly origin: Origin }[]
  readonly policies: readonly Placed[]
}

/** By the file's shape, since each answer of the API has its own. */
function readPolicies(file: ConfigurationFile, draft: Draft, cwd: string): Policies {
  const options = { format: 'Harbor', cwd }
  const noted = <T>(foreign: Foreign<T>): Foreign<T> => {
    noteUnknown(draft, foreign)
    return foreign
  }
  if (/^\s*[[-]/.test(file.text)) {
    const { data, origin } = noted(readForeign(file, z.array(policySchema), options))
    return { registries: [], policies: data.map((policy, index) => ({ policy, origin: below(origin, index) })) }
  }
  if (/["']?policies["']?\s*:/.test(file.text)) {
    const { data, origin } = noted(readForeign(file, bothSchema, options))
    return {
      registries: data.registries.map((registry, index) => ({ registry, origin: below(origin, 'registries', index) })),
      policies: data.policies.map((policy, index) => ({ policy, origin: below(origin, 'policies', index) })),
    }
  }
  const { data, origin } = noted(readForeign(file, policySchema, options))
  return { registries: [], policies: [{ policy: data, origin }] }
}

function addPolicy(draft: Draft, policy: HarborPolicy, registries: HarborRegistries, at: Origin): void {
  const from = registries.nameOf(policy.src_registry, below(at, 'src_registry'))
  const to = registries.nameOf(policy.dest_registry, below(at, 'dest_registry'))
  if (from === undefined || to === undefined) return
  const filters = filtersOf(policy)
  const body = {
    ...(policy.description === undefined ? {} : { description: literal(policy.description) }),
    ...(policy.enabled ? {} : { enabled: false }),
    source: { registry: from },
    destination: destinationOf(to, landingOf(policy)),
    ...(Object.keys(filters).length > 0 ? { filters } : {}),
    ...(policy.override ? {} : { override: false }),
    ...(isByEvents(policy) && deletes(policy) ? { deletion: 'events' } : {}),
    ...triggersOf(policy),
  }
  const on = ['policies', draft.policy(policy.name, body, at)] as const
  noteFilters(draft, policy, registries.isHarbor(policy.src_registry), at, on)
  noteRest(draft, policy, at, on)
}

/** Without a count Harbor replaces everything but the name. */
function landingOf({
  dest_namespace: namespace,
  dest_namespace_replace_count: count = -1,
}: HarborPolicy): PlainMapping & { readonly namespace?: string; readonly flatten?: Plain } {
  if (namespace === undefined) return {}
  return count === 1 ? { namespace } : { namespace, flatten: count < 0 ? 'all' : count }
}

function filtersOf({ filters = [] }: HarborPolicy): PlainMapping {
  const of = (type: string, excludes: boolean): Plain | undefined => {
    const found = filters.filter((each) => each.type === type && (each.decoration === 'excludes') === excludes)
    const values = found.flatMap(({ value }) => value ?? []).filter((value) => value !== '')
    return values.length > 1 ? values : values[0]
  }
  const resource = of('resource', false)
  const [name, tag, label] = [of('name', false), of('tag', false), of('label', false)]
  const exclude = defined({ name: of('name', true), tag: of('tag', true), label: of('label', true) })
  const kept = resource === 'image' || resource === 'chart' ? { resource } : {}
  return { ...kept, ...defined({ name, tag, label }), ...(Object.keys(exclude).length > 0 ? { exclude } : {}) }
}

function defined(values: PlainMapping): PlainMapping {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

/** Harbor's clock is UTC. */
function triggersOf(policy: HarborPolicy): PlainMapping {
  if (isByEvents(policy)) return { triggers: [{ event: ['push', 'delete'] }] }
  const { trigger } = policy
  const cron = trigger?.trigger_settings?.cron
  return trigger?.type === 'scheduled' && cron !== undefined ? { triggers: [{ schedule: cron, timezone: 'UTC' }] } : {}
}

function isByEvents({ trigger }: HarborPolicy): boolean {
  return trigger?.type === 'event_based'
}

function deletes(policy: HarborPolicy): boolean {
  return policy.replicate_deletion || policy.deletion
}

const KNOWN_FILTERS = ['name', 'tag', 'label', 'resource']

function noteFilters(
  draft: Draft,
  { filters = [] }: HarborPolicy,
  fromHarbor: boolean,
  at: Origin,
  on: EntryPath,
): void {
  for (const [index, { type, value, decoration }] of filters.entries()) {
    const place = below(at, 'filters', index)
    const isAgain = filters.findIndex((each) => each.type === type && each.decoration === decoration) < index
    if (isAgain && decoration !== 'excludes') {
      const message = `all filters of \`${literal(type)}\` must match in Harbor; a list here takes what matches any`
      draft.note(place, message, 'write one pattern for all of them', on)
    }
    if (!KNOWN_FILTERS.includes(type)) {
      draft.note(
        place,
        `a filter of \`${literal(type)}\` has no counterpart: more is copied`,
        'see `replicate config schema` for the filters',
        on,
      )
    }
    if (type === 'label' && Array.isArray(value) && value.length > 1) {
      const does = decoration === 'excludes' ? 'leaves out' : 'takes'
      draft.note(
        place,
        `Harbor ${does} what has all of these labels; a list here means any of them, which ${does} more`,
        'keep the label that decides',
        on,
      )
    }
  }
  const tag = filters.find(({ type }) => type === 'tag')
  const takesUntagged = tag === undefined || tag.value === undefined || tag.value === '' || tag.value === '**'
  if (fromHarbor && takesUntagged) {
    draft.note(
      below(at, 'filters'),
      'Harbor copies artifacts without a tag, too',
      'write `untagged: true` into `filters` where they are wanted',
      on,
    )
  }
}

function noteRest(draft: Draft, policy: HarborPolicy, at: Origin, on: EntryPath): void {
  const { speed = -1 } = policy
  if (speed > 0) {
    const hint = `use \`replicate run --bandwidth ${speed / 8}KiB/s\`, or \`limits.bandwidth\` of a registry`
    draft.note(
      below(at, 'speed'),
      `a limit of ${speed} Kbit/s for each task has no counterpart: limits are of a run or of a registry`,
      hint,
      on,
    )
  }
  noteWithout(draft, policy, at, { copy_by_chunk: 'an upload that breaks off resumes where it was, in chunks or not' })
  if (deletes(policy) && !isByEvents(policy)) {
    draft.note(
      below(at, policy.deletion ? 'deletion' : 'replicate_deletion'),
      'Harbor deletes at the destination when it sees a deletion; here nothing is deleted',
      '`deletion: mirror` deletes at each run what is gone from the source, `deletion: events` what a webhook tells as deleted',
      on,
    )
  }
  if (isByEvents(policy)) {
    draft.note(
      below(at, 'trigger'),
      'Harbor starts this by its own events; here its webhooks do, and `replicate serve` must run',
      'give the source a `hook_secret`, and its projects in Harbor a webhook; `triggers: [{poll: 5m}]` needs neither',
      on,
    )
  }
}
