/** The table of all types in `adapters/README.md`, read off their definitions: each is opened as one that is nowhere, and asked nothing. */

import type { Adapter, AdapterOption, AdapterType } from '../../src/core/adapter.ts'
import type { ContentStore } from '../../src/core/content.ts'
import { UnsupportedError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { OptionValue } from '../../src/core/registry.ts'

const HEAD = [
  'type',
  'holds',
  'digests',
  'names',
  'creates',
  'deletes',
  'referrers',
  'mounts',
  'webhooks',
  'checked against',
]
const YES = '✓'
const NO = '–'
const URL = 'https://registry.invalid'

/** In Markdown, with a line for each. */
export async function capabilityTable(adapters: readonly AdapterType[]): Promise<string> {
  const rows = await Promise.all(adapters.map(rowOf))
  const lines = [HEAD, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`)
  return lines.toSpliced(1, 0, `|${'---|'.repeat(HEAD.length)}\n`).join('')
}

async function rowOf(type: AdapterType): Promise<readonly string[]> {
  const adapter = await opened(type)
  const store = storeOf(adapter)
  return [
    `\`${type.identity}\``,
    type.resources.join(', '),
    sign(adapter.listTags),
    sign(adapter.repositories),
    [adapter.ensureNamespace && 'namespaces', adapter.ensureRepository && 'repositories'].filter(Boolean).join(', ') ||
      NO,
    type.isReadOnly ? NO : await deletesOf(store),
    sign(store.referrers),
    sign(store.mountBlob),
    type.hooks?.events.join(', ') ?? NO,
    type.checked ?? '',
  ]
}

const sign = (method: unknown): string => (method === undefined ? NO : YES)

const http: HttpClient = { url: URL, host: 'registry.invalid', request: nothing, close: async () => {} }

const TOKEN = { kind: 'bearer', token: 'shown', origin: 'a test' } as const
const KEY = { kind: 'access_key', id: 'shown', secret: 'shown', origin: 'a test' } as const

function nothing(): never {
  throw new UnsupportedError('nothing is asked of an adapter that is only shown')
}

async function opened(type: AdapterType): Promise<Adapter> {
  const options = Object.fromEntries((type.options ?? []).map((option) => [option.name, anyValue(option)]))
  const registry = { name: 'shown', type: type.identity, url: type.home ?? URL, path: '/nonexistent', options }
  // What can do the most.
  const credential = type.credentials.includes('access_key') ? KEY : TOKEN
  return type.open(registry, { http: () => http, api: () => http, credential: async () => credential })
}

function storeOf(adapter: Adapter): Partial<ContentStore> {
  return adapter.repository('one/two/three')
}

async function deletesOf({ deletes, deleteTag, deleteManifest }: Partial<ContentStore>): Promise<string> {
  if (!deleteTag && !deleteManifest) return NO
  try {
    const known = await deletes?.({ signal: new AbortController().signal, emit: () => {} })
    if (known === 'manifest') return 'manifests'
    if (known === 'nothing') return NO
    if (known === 'unknown') return 'tags or manifests'
  } catch {
    // It would have to ask.
  }
  return deleteTag ? 'tags' : 'manifests'
}

function anyValue({ type, values }: AdapterOption): OptionValue {
  if (type === 'flag') return false
  if (type === 'list') return ['any']
  return type === 'mapping' ? {} : (values?.[0] ?? URL)
}
