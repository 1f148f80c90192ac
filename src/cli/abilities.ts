/** What an adapter can, read off the methods that it has: an absent one means "cannot". */

import type { Adapter, AdapterOption, AdapterType } from '../core/adapter.ts'
import { UnsupportedError } from '../core/errors.ts'
import type { OptionValue } from '../core/registry.ts'

export interface Ability {
  /** In `--json`. */
  readonly key: string
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
