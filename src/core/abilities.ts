/** What an adapter is and can, as it is shown: the latter read off the methods that it has, as an absent one means "cannot". */

import type { Adapter, AdapterOption, AdapterType } from './adapter.ts'
import { UnsupportedError } from './errors.ts'
import type { OptionValue } from './registry.ts'

export type AbilityKey = 'digests_in_listing' | 'catalog' | 'creates' | 'labels' | 'rules'

export interface Ability {
  /** In `--json`. */
  readonly key: AbilityKey
  /** In a table. */
  readonly word: string
  readonly text: string
  readonly can: boolean
}

/** Opens one that is nowhere: nothing is asked, as every method waits to be called. */
export async function abilitiesOf(type: AdapterType): Promise<readonly Ability[]> {
  const unavailable = (): never => {
    throw new UnsupportedError('nothing is asked of an adapter that is only shown')
  }
  const registry = {
    name: 'shown',
    type: type.identity,
    url: 'https://registry.invalid',
    path: '/nonexistent',
    options: Object.fromEntries((type.options ?? []).map((option) => [option.name, anyValue(option)])),
  }
  const adapter = await opened(async () =>
    type.open(registry, { http: unavailable, api: unavailable, credential: unavailable }),
  )
  const filtersOnly = adapter.attachLabels === undefined && type.filters.includes('label')
  return [
    {
      key: 'digests_in_listing',
      word: 'list',
      text: 'tags are listed with their digests',
      can: adapter.listTags !== undefined,
    },
    {
      key: 'catalog',
      word: 'catalog',
      text: 'repositories are listed',
      can: adapter.repositories !== undefined,
    },
    {
      key: 'creates',
      word: 'create',
      text: 'what must be there before a push is created',
      can: (adapter.ensureNamespace ?? adapter.ensureRepository) !== undefined,
    },
    {
      key: 'labels',
      word: 'labels',
      text: `labels are filtered by${filtersOnly ? '' : ', and carried over'}`,
      can: adapter.attachLabels !== undefined || filtersOnly,
    },
    {
      key: 'rules',
      word: 'rules',
      text: 'a plan tells quotas, immutable tags and missing permissions',
      can: adapter.writeRules !== undefined,
    },
  ]
}

export interface ShownAdapter {
  readonly adapter: AdapterType
  readonly abilities: readonly Ability[]
}

/** As `adapters show --json` prints it, and the API sends it. */
export function adapterJson({ adapter, abilities }: ShownAdapter) {
  return {
    identity: adapter.identity,
    name: adapter.name,
    description: adapter.description,
    checked_against: adapter.checked ?? null,
    support_resource_types: adapter.resources,
    support_resource_filters: adapter.filters,
    registry: {
      default_name: adapter.short ?? adapter.identity,
      place: adapter.identity === LAYOUT ? ('path' as const) : ('url' as const),
      url: adapter.home ?? null,
      read_only: adapter.isReadOnly ?? false,
    },
    capabilities: {
      listing: adapter.listing,
      credentials: adapter.credentials,
      ...abilityJson(abilities),
      options: (adapter.options ?? []).map(({ name, description, type, values }) => ({
        name,
        description,
        type,
        values: values ?? null,
      })),
      webhooks: adapter.hooks ? { events: adapter.hooks.events, setup: adapter.hooks.setup } : null,
    },
    limits: {
      depth_min: adapter.depth?.min ?? null,
      depth_max: adapter.depth?.max ?? null,
      quirks: adapter.quirks,
    },
  }
}

/** The one type whose registries are directories and files. */
const LAYOUT = 'oci-layout'

function abilityJson(abilities: readonly Ability[]): Readonly<Record<AbilityKey, boolean>> {
  const can = (key: AbilityKey): boolean => abilities.some((ability) => ability.key === key && ability.can)
  return {
    digests_in_listing: can('digests_in_listing'),
    catalog: can('catalog'),
    creates: can('creates'),
    labels: can('labels'),
    rules: can('rules'),
  }
}

/** One that wants more than that to be opened shows nothing of what it can. */
async function opened(open: () => Promise<Adapter>): Promise<Partial<Adapter>> {
  try {
    return await open()
  } catch {
    return {}
  }
}

function anyValue({ type, values }: AdapterOption): OptionValue {
  if (type === 'flag') return false
  if (type === 'list') return ['any']
  return type === 'mapping' ? {} : (values?.[0] ?? 'https://registry.invalid')
}
