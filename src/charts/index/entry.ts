/** The fields of an entry that count, from YAML or from JSON. */

import { boolOf, isScalarValue, stringOf, type Value } from '../chart/go-yaml.ts'
import type { Entry } from './index.ts'

export const WANTED: ReadonlySet<string> = new Set([
  'name',
  'version',
  'digest',
  'urls',
  'created',
  'keywords',
  'deprecated',
])

export function entryOf(fields: ReadonlyMap<string, Value>): Entry {
  const deprecated = fields.get('deprecated')
  return {
    name: textOf(fields.get('name')),
    version: textOf(fields.get('version')),
    digest: textOf(fields.get('digest')),
    urls: textsOf(fields.get('urls')),
    created: textOf(fields.get('created')),
    keywords: textsOf(fields.get('keywords')),
    deprecated: deprecated !== undefined && isScalarValue(deprecated) && boolOf(deprecated) === true,
  }
}

function textOf(value: Value | undefined): string | undefined {
  return value !== undefined && isScalarValue(value) ? stringOf(value) : undefined
}

function textsOf(value: Value | undefined): readonly string[] {
  return Array.isArray(value) ? value.flatMap((item: Value) => textOf(item) ?? []) : []
}

/** The same of JSON. */
export function entryOfJson(value: unknown): Entry {
  const json: Readonly<Record<string, unknown>> = Object(value)
  return {
    name: jsonText(json.name),
    version: jsonText(json.version),
    digest: jsonText(json.digest),
    urls: jsonTexts(json.urls),
    created: jsonText(json.created),
    keywords: jsonTexts(json.keywords),
    deprecated: json.deprecated === true,
  }
}

function jsonText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined
}

function jsonTexts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((item) => jsonText(item) ?? []) : []
}
