/** YAML as Helm reads it: by Go's rules for plain scalars, which decide what `appVersion: 1.10` means. */

import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import { IntegrityError, messageOf } from '../../core/errors.ts'

/** A scalar as it stands in the text. `plain`: without quotes and tag, so that it may mean a number, a flag or nothing. */
export interface Scalar {
  readonly text: string
  readonly plain: boolean
}

export type Value = Scalar | readonly Value[] | ReadonlyMap<string, Value>

/** Nodes in one document, aliases followed. */
const MOST_NODES = 100_000
const DEEPEST = 64

/** The first document of the text. `what` is for messages. Throws an `IntegrityError`. */
export function parseYaml(text: string, what: string): Value {
  try {
    const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', strict: false })
    const error = document.errors.find(({ code }) => code !== 'MULTIPLE_DOCS')
    if (error) throw error
    return walked(document)
  } catch (cause) {
    if (cause instanceof IntegrityError) throw cause
    const reason = messageOf(cause).split('\n', 1)[0]?.slice(0, 200)
    throw new IntegrityError(`${what} is not valid YAML: ${reason}`, { cause })
  }
}

function walked(document: Document): Value {
  let nodes = 0
  function visit(node: unknown, depth: number): Value {
    nodes += 1
    if (nodes > MOST_NODES || depth > DEEPEST) throw new IntegrityError('a document that is too large or too deep')
    if (isAlias(node)) return visit(resolved(node, document), depth + 1)
    if (isScalar(node)) {
      const plain = node.type === 'PLAIN' && node.tag === undefined
      return { text: String(node.value ?? ''), plain }
    }
    if (isSeq(node)) return node.items.map((item) => visit(item, depth + 1))
    if (!isMap(node)) return { text: '', plain: true }
    const map = new Map<string, Value>()
    for (const { key, value } of node.items) {
      const name = visit(key, depth + 1)
      if (!isScalarValue(name)) continue
      const child = visit(value, depth + 1)
      if (name.plain && name.text === '<<') merge(child, map)
      else map.set(name.plain ? (stringOf(name) ?? name.text) : name.text, child)
    }
    return map
  }
  return visit(document.contents, 0)
}

function resolved(alias: Alias, document: Document): Node | undefined {
  return alias.resolve(document)
}

function merge(value: Value, into: Map<string, Value>): void {
  for (const map of Array.isArray(value) ? value : [value]) {
    if (!(map instanceof Map)) continue
    for (const [key, child] of map) if (!into.has(key)) into.set(key, child)
  }
}

export function isScalarValue(value: Value): value is Scalar {
  return !Array.isArray(value) && !(value instanceof Map)
}

export function isMapValue(value: Value): value is ReadonlyMap<string, Value> {
  return value instanceof Map
}

const NULL = /^(?:|~|null|Null|NULL)$/
const TRUE = /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(?:n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const DECIMAL = /^[-+]?(?:0|[1-9][0-9]*)$/
const OTHER_BASE = /^([-+]?)0(?:x([0-9a-fA-F]+)|b([01]+)|o?([0-7]+))$/

/** What a plain scalar means to Go: a number, a flag, nothing, or its text. */
function meaningOf(scalar: Scalar): string | number | bigint | boolean | undefined {
  const { text, plain } = scalar
  if (!plain) return text
  if (NULL.test(text)) return undefined
  if (TRUE.test(text)) return true
  if (FALSE.test(text)) return false
  if (!/^[-+.0-9]/.test(text)) return text
  const digits = text.replaceAll('_', '')
  const integer = integerOf(digits)
  if (integer !== undefined) return integer
  if (FLOAT.test(digits)) return Number(digits)
  if (/^[-+]?\.(?:inf|Inf|INF)$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^\.(?:nan|NaN|NAN)$/.test(text) ? Number.NaN : text
}

const BIGGEST = 2n ** 64n

function integerOf(digits: string): bigint | undefined {
  if (digits.length > 70) return undefined
  const [, sign, hex, binary, octal] = OTHER_BASE.exec(digits) ?? []
  const size = hex ? BigInt(`0x${hex}`) : binary ? BigInt(`0b${binary}`) : octal ? BigInt(`0o${octal}`) : undefined
  const value = size ?? (DECIMAL.test(digits) ? BigInt(digits.replace(/^[-+]/, '')) : undefined)
  if (value === undefined || value >= BIGGEST) return undefined
  return sign === '-' || digits.startsWith('-') ? -value : value
}

/** A scalar where Go's type is a string; undefined where it is null. */
export function stringOf(scalar: Scalar): string | undefined {
  const meaning = meaningOf(scalar)
  return typeof meaning === 'number' ? goFloat(meaning) : meaning === undefined ? undefined : String(meaning)
}

/** A scalar where Go's type is a bool; undefined where it is null, and `malformed` if it is not a bool. */
export function boolOf(scalar: Scalar): boolean | undefined | 'malformed' {
  const meaning = meaningOf(scalar)
  return meaning === undefined || typeof meaning === 'boolean' ? meaning : 'malformed'
}

/** A value of any type as JSON has it. */
export function plainOf(value: Value): unknown {
  if (Array.isArray(value)) return value.map(plainOf)
  if (isMapValue(value)) {
    const keys = [...value.keys()].sort(byBytes)
    return Object.fromEntries(keys.map((key) => [key, plainOf(value.get(key) ?? { text: '', plain: true })]))
  }
  if (!isScalarValue(value)) return null
  const meaning = meaningOf(value)
  return typeof meaning === 'bigint' ? Number(meaning) : (meaning ?? null)
}

/** The order of Go's maps in JSON: by the bytes of UTF-8. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** As `strconv.FormatFloat(value, 'g', -1, 32)`, which Helm's YAML library calls: the shortest text that is this number to a `float32`. */
function goFloat(given: number): string {
  const value = Math.fround(given)
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value < 0 ? '-Inf' : '+Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  let digits = 1
  while (Math.fround(Number(value.toPrecision(digits))) !== value) digits += 1
  const [mantissa = '', exponent = '0'] = value.toExponential(digits - 1).split('e')
  const power = Number(exponent)
  // JavaScript writes every number of this range without an exponent, too.
  if (power >= -4 && power < 6) return String(Number(value.toPrecision(digits)))
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}
