/** What the form of a policy asks for, and where that stands in its definition. */

import { type Definition, isMapping, part, same } from '../../../edit/merge.ts'
import { readTriggers, type TriggerForm, writeTriggers } from './triggers.ts'

/** How a field stands there: a word, a list of words (one stands alone), a number, or one of several, of which the usual one is left out. */
type Kind = 'text' | 'list' | 'number' | { readonly usual: string }

/** In the order in which a new policy has them. */
const FIELDS = {
  description: [['description'], 'text'],
  resource: [['filters', 'resource'], { usual: 'all' }],
  names: [['filters', 'name'], 'list'],
  tags: [['filters', 'tag'], 'list'],
  labels: [['filters', 'label'], 'list'],
  semver: [['filters', 'semver'], 'text'],
  newest: [['filters', 'newest'], 'number'],
  pushedWithin: [['filters', 'pushed_within'], 'text'],
  minAge: [['filters', 'min_age'], 'text'],
  platforms: [['filters', 'platforms'], 'list'],
  excludedNames: [['filters', 'exclude', 'name'], 'list'],
  excludedTags: [['filters', 'exclude', 'tag'], 'list'],
  referrers: [['referrers'], { usual: 'true' }],
  override: [['override'], { usual: 'true' }],
  missing: [['missing'], { usual: 'fail' }],
  deletion: [['deletion'], { usual: 'never' }],
  maxDeletions: [['max_deletions'], 'number'],
  withImages: [['with_images'], { usual: 'false' }],
  verify: [['verify'], { usual: 'digest' }],
  onOverlap: [['on_overlap'], { usual: 'skip' }],
} as const satisfies Readonly<Record<string, readonly [readonly string[], Kind]>>

type FieldName = keyof typeof FIELDS
const NAMES = Object.keys(FIELDS) as readonly FieldName[]

interface Places {
  /** A registry with namespaces, unless the definition has a reference such as `hub/library/alpine:3.*`. */
  readonly source: string
  readonly sourceReference: string
  readonly namespaces: string
  readonly destination: string
  readonly destinationReference: string
  readonly namespace: string
}

/** As text: what is empty is not written. */
export type PolicyForm = Texts & { readonly triggers: readonly TriggerForm[] }
type Texts = Readonly<Record<FieldName, string>> & Places
export type TextName = keyof Texts

export function formOf(definition: Definition): PolicyForm {
  const fields = Object.fromEntries(
    NAMES.map((name) => [name, shown(valueAt(definition, FIELDS[name][0]), FIELDS[name][1])]),
  ) as Record<FieldName, string>
  return { ...fields, ...placesOf(definition), triggers: readTriggers(definition.triggers) }
}

/** `before` with what the form says otherwise: whatever it does not ask for, and did not change, stays as it is. */
export function definitionOf(form: PolicyForm, before: Definition): Definition {
  const was = formOf(before)
  const hasChanged = (...names: readonly TextName[]): boolean => names.some((name) => form[name] !== was[name])
  let now = before
  const set = (path: readonly string[], value: unknown): void => {
    now = placed(now, path, value)
  }
  if (hasChanged('description')) set(['description'], written(form.description, 'text'))
  if (hasChanged('source', 'sourceReference', 'namespaces')) set(['source'], sourceOf(form, before.source))
  if (hasChanged('destination', 'destinationReference', 'namespace'))
    set(['destination'], destinationOf(form, before.destination))
  for (const name of NAMES) {
    const [path, kind] = FIELDS[name]
    if (path[0] === 'filters' && hasChanged(name)) set(path, written(form[name], kind))
  }
  if (!same(form.triggers, was.triggers)) set(['triggers'], writeTriggers(form.triggers))
  for (const name of NAMES) {
    const [path, kind] = FIELDS[name]
    if (path[0] !== 'filters' && name !== 'description' && hasChanged(name)) set(path, written(form[name], kind))
  }
  return now
}

function valueAt(definition: Definition, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => part(value)[key], definition)
}

/** Without mappings that are empty then. */
function placed(mapping: Definition, [key = '', ...deeper]: readonly string[], value: unknown): Definition {
  const inner = deeper.length === 0 ? value : placed(part(mapping[key]), deeper, value)
  const { [key]: _, ...others } = mapping
  if (inner === undefined || (deeper.length > 0 && Object.keys(part(inner)).length === 0)) return others
  return { ...mapping, [key]: inner }
}

function shown(value: unknown, kind: Kind): string {
  const text = Array.isArray(value) ? value.map(plain).join(', ') : plain(value)
  return typeof kind === 'object' && text === kind.usual ? '' : text
}

function plain(value: unknown): string {
  return value === undefined || value === null || typeof value === 'object' ? '' : String(value)
}

function written(text: string, kind: Kind): unknown {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (kind === 'list') return words(trimmed)
  if (kind === 'number') return /^\d{1,15}$/.test(trimmed) ? Number(trimmed) : trimmed
  if (typeof kind === 'object' && /^(true|false)$/.test(trimmed)) return trimmed === 'true'
  return trimmed
}

/** One word alone, or a list of them. A comma within braces is of a pattern. */
function words(list: string): string | readonly string[] | undefined {
  const all = list
    .split(/,(?![^{]*\})/)
    .map((word) => word.trim())
    .filter((word) => word !== '')
  return all.length > 1 ? all : all[0]
}

function placesOf({ source, destination }: Definition): Places {
  const from = part(source)
  const to = part(destination)
  const [registry = '', ...path] = isRegistry(destination) ? destination.split('/') : []
  return {
    source: typeof source === 'string' && isRegistry(source) && !source.includes('/') ? source : plain(from.registry),
    sourceReference: typeof source === 'string' && (!isRegistry(source) || source.includes('/')) ? source : '',
    namespaces: shown(from.namespaces, 'list'),
    destination: registry || plain(to.registry),
    destinationReference: typeof destination === 'string' && !isRegistry(destination) ? destination : '',
    namespace: path.length > 0 ? path.join('/') : plain(to.namespace),
  }
}

/** Not a place such as `oci:DIR`. */
function isRegistry(value: unknown): value is string {
  return typeof value === 'string' && !/^(oci|tar|docker-archive):/.test(value)
}

/** A name alone where that says all, as the command line writes it. */
function sourceOf({ source, sourceReference, namespaces }: PolicyForm, before: unknown): unknown {
  if (sourceReference.trim() !== '') return sourceReference.trim()
  const list = words(namespaces)
  const { namespaces: _, ...rest } = part(before)
  if (list === undefined && !isMapping(before)) return source
  return {
    ...rest,
    registry: source,
    ...(list === undefined ? {} : { namespaces: typeof list === 'string' ? [list] : list }),
  }
}

function destinationOf({ destination, destinationReference, namespace }: PolicyForm, before: unknown): unknown {
  if (destinationReference.trim() !== '') return destinationReference.trim()
  const path = namespace.trim().replace(/^\/+|\/+$/g, '')
  if (!isMapping(before)) return path === '' ? destination : `${destination}/${path}`
  const { namespace: _, ...rest } = before
  return { ...rest, registry: destination, ...(path === '' ? {} : { namespace: path }) }
}
