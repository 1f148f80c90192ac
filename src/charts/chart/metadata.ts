/** A chart's metadata, as Helm reads it from Chart.yaml and writes it as JSON. */

import { IntegrityError } from '../../core/errors.ts'
import { foreignName } from '../../core/foreign.ts'
import { boolOf, byBytes, isMapValue, isScalarValue, parseYaml, plainOf, stringOf, type Value } from './go-yaml.ts'

/** In the order of Helm's own type, empty fields left out: as JSON it is the config of the artifact. */
export interface ChartMetadata {
  readonly name: string
  readonly home?: string
  readonly sources?: readonly string[]
  readonly version: string
  readonly description?: string
  readonly keywords?: readonly string[]
  readonly maintainers?: readonly Maintainer[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly deprecated?: boolean
  readonly type?: string
  readonly dependencies?: readonly { readonly name?: string; readonly alias?: string }[]
}

export interface Maintainer {
  readonly name?: string
  readonly email?: string
  readonly url?: string
}

/** `clean`: a text whose spaces are made plain, `texts` of those; `map`: texts by name; `any`: as it is; fields: a list of such mappings. */
type Kind = 'text' | 'clean' | 'texts' | 'flag' | 'map' | 'any' | Fields
type Fields = { readonly [name: string]: Kind }

const MAINTAINER: Fields = { name: 'clean', email: 'clean', url: 'clean' }
const DEPENDENCY: Fields = {
  name: 'clean',
  version: 'clean',
  repository: 'clean',
  condition: 'clean',
  tags: 'texts',
  enabled: 'flag',
  'import-values': 'any',
  alias: 'clean',
}
/** Fields that Go writes although they are empty. */
const ALWAYS: ReadonlyMap<Fields, readonly string[]> = new Map([[DEPENDENCY, ['name', 'repository']]])

/** The fields of Helm's `chart.Metadata`, in its order. */
const METADATA: Fields = {
  name: 'clean',
  home: 'clean',
  sources: 'texts',
  version: 'text',
  description: 'clean',
  keywords: 'texts',
  maintainers: MAINTAINER,
  icon: 'clean',
  apiVersion: 'text',
  condition: 'clean',
  tags: 'clean',
  appVersion: 'clean',
  deprecated: 'flag',
  annotations: 'map',
  kubeVersion: 'clean',
  dependencies: DEPENDENCY,
  type: 'text',
}

/** What Helm takes for a version: missing parts and a `v` are fine. */
const VERSION =
  /^v?(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){0,2}(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/

export function isChartVersion(version: string): boolean {
  return version.length <= 256 && VERSION.test(version)
}

/** The metadata of an archive's Chart.yaml; requirements.yaml of older charts is read over it. Throws an `IntegrityError`. */
export function readMetadata(chartYaml: string, requirements: string | undefined): ChartMetadata {
  const found = new Map<string, unknown>()
  readInto(found, parseYaml(chartYaml, 'Chart.yaml'), 'Chart.yaml')
  if (requirements !== undefined) readInto(found, parseYaml(requirements, 'requirements.yaml'), 'requirements.yaml')
  if (!found.has('apiVersion')) found.set('apiVersion', 'v1')
  const metadata = ordered(found, METADATA)
  const { name, version } = metadata
  if (typeof name !== 'string') throw new IntegrityError('Chart.yaml names no chart')
  if (/[/\\]/.test(name) || name === '.' || name === '..') {
    throw new IntegrityError(`Chart.yaml: ${foreignName(name)} is not the name of a chart`)
  }
  if (typeof version !== 'string') throw new IntegrityError('Chart.yaml has no version')
  if (!isChartVersion(version)) throw new IntegrityError(`version ${foreignName(version)} is not a semantic version`)
  return { ...metadata, name, version }
}

function readInto(found: Map<string, unknown>, value: Value, what: string): void {
  if (isScalarValue(value) && stringOf(value) === undefined) return
  if (!isMapValue(value)) throw new IntegrityError(`${what} is not a mapping`)
  for (const [key, read] of fieldsOf(value, METADATA, what)) {
    const before = found.get(key)
    // Go adds to a map that is there, and replaces everything else.
    found.set(key, key === 'annotations' ? sortedMap({ ...Object(before), ...Object(read) }) : read)
  }
}

/** Go matches names of fields whatever their case. */
function* fieldsOf(
  value: ReadonlyMap<string, Value>,
  fields: Fields,
  what: string,
): Iterable<readonly [string, unknown]> {
  for (const [name, child] of value) {
    const key = Object.keys(fields).find((field) => field.toLowerCase() === name.toLowerCase())
    const kind = key === undefined ? undefined : fields[key]
    const read = kind && readField(child, kind, `${what}: ${key}`)
    if (key !== undefined && read !== undefined) yield [key, read]
  }
}

function readField(value: Value, kind: Kind, what: string): unknown {
  if (isScalarValue(value) && stringOf(value) === undefined) return undefined
  if (kind === 'any') return Array.isArray(value) ? plainOf(value) : malformed(what, 'a list')
  if (kind === 'text' || kind === 'clean') return textOf(value, kind, what)
  if (kind === 'flag') {
    const flag = isScalarValue(value) ? boolOf(value) : 'malformed'
    return flag === 'malformed' ? malformed(what, 'true or false') : flag
  }
  if (kind === 'map') {
    if (!isMapValue(value)) return malformed(what, 'a mapping')
    return sortedMap(
      Object.fromEntries(
        [...value].map(([key, child]) => [key, textOf(child, 'text', `${what}: ${foreignName(key)}`)]),
      ),
    )
  }
  if (!Array.isArray(value)) return malformed(what, 'a list')
  if (kind === 'texts') return value.map((child) => textOf(child, 'clean', what))
  return value.map((child) => {
    if (!isMapValue(child)) return malformed(what, 'a list of mappings')
    return ordered(new Map(fieldsOf(child, kind, what)), kind)
  })
}

function textOf(value: Value, kind: 'text' | 'clean', what: string): string {
  if (!isScalarValue(value)) return malformed(what, 'a text')
  const text = stringOf(value) ?? ''
  return kind === 'clean' ? sanitized(text) : text
}

function malformed(what: string, wanted: string): never {
  throw new IntegrityError(`${what} is not ${wanted}`)
}

/** As Helm cleans texts: every space a plain one, and nothing that cannot be printed. */
function sanitized(text: string): string {
  return text.replace(/[\t-\r\u0085\p{Z}]/gu, ' ').replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '')
}

function sortedMap(map: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => byBytes(a, b)))
}

/** The fields in their order, without those that Go leaves out because they are empty. */
function ordered(found: ReadonlyMap<string, unknown>, fields: Fields): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(fields)) {
    const value = found.get(key)
    if (!isEmpty(value)) result[key] = value
    else if (ALWAYS.get(fields)?.includes(key)) result[key] = ''
  }
  return result
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
