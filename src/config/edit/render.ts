/** Values as YAML that people would have written. */

import { Document, Scalar, visit } from 'yaml'

export type Value = string | number | boolean | readonly Value[] | { readonly [key: string]: Value }

export interface Quoting {
  /** Of texts and keys, as far as they can be written so. */
  readonly quote?: 'single' | 'double' | undefined
}

const OPTIONS = { lineWidth: 0, flowCollectionPadding: false, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER }

/** `key: value` as lines without ends of line; lists of single values stand in brackets. */
export function blockLines(key: string, value: Value, indent: number, step: number): readonly string[] {
  return documentLines(new Document({ [key]: value }), indent, step)
}

/** A mapping or a list as lines without ends of line; each entry of the list has its own. */
export function valueLines(value: Value, indent: number, step: number): readonly string[] {
  return documentLines(new Document(value), indent, step)
}

function documentLines(document: Document, indent: number, step: number): readonly string[] {
  visit(document, {
    Seq(_, list) {
      if (list !== document.contents && list.items.every((entry) => entry instanceof Scalar)) list.flow = true
    },
    Map(_, map) {
      if (map.items.length === 0) map.flow = true
    },
  })
  const lines = document
    .toString({ ...OPTIONS, indent: step })
    .replace(/\n$/, '')
    .split('\n')
  return lines.map((line) => (line === '' ? line : ' '.repeat(indent) + line))
}

/** A single value as it stands behind `key: ` in a block, on one line. */
export function inlineScalar(value: string | number | boolean, { quote }: Quoting = {}): string {
  const text = new Document({ k: value }).toString({ ...OPTIONS, blockQuote: false, ...quoted(value, quote) })
  return text.slice('k: '.length).trimEnd()
}

/** Any value on one line, as it may stand within braces or brackets. */
export function flowValue(value: Value, quoting: Quoting = {}): string {
  if (isList(value)) return `[${value.map((entry) => flowValue(entry, quoting)).join(', ')}]`
  if (typeof value !== 'object') {
    const list = new Document([value], { flow: true })
    return list
      .toString({ ...OPTIONS, blockQuote: false, ...quoted(value, quoting.quote) })
      .trimEnd()
      .slice(1, -1)
  }
  const pairs = Object.entries(value).map(([key, entry]) => flowPair(key, entry, quoting))
  return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`
}

export function flowPair(key: string, value: Value, quoting: Quoting = {}): string {
  return `${flowValue(key, quoting)}: ${flowValue(value, quoting)}`
}

/** As a file would be read: every scalar is text there. */
export function asTexts(value: Value): unknown {
  if (isList(value)) return value.map(asTexts)
  if (typeof value !== 'object') return String(value)
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, asTexts(entry)]))
}

export type ValueMapping = { readonly [key: string]: Value }

export function isMapping(value: unknown): value is ValueMapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function quoted(value: unknown, quote: Quoting['quote']): object {
  if (typeof value !== 'string' || quote === undefined) return {}
  return quote === 'double'
    ? { defaultStringType: Scalar.QUOTE_DOUBLE, defaultKeyType: Scalar.PLAIN, singleQuote: false }
    : { defaultStringType: Scalar.QUOTE_SINGLE, defaultKeyType: Scalar.PLAIN, singleQuote: true }
}
