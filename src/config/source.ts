/** A configuration file as it was read: its syntax tree, which knows where everything stands. */

import { dirname, isAbsolute, relative } from 'node:path'
import {
  Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml'
import type { Problem } from '../core/errors.ts'
import { withoutUserinfo } from '../core/secret.ts'
import { isObject } from './mapping.ts'

export interface ConfigurationFile {
  /** Absolute, or `-` for standard input. */
  readonly path: string
  readonly text: string
  /** The user's configuration beside files that were named: only the registries they need are taken from it. */
  readonly fallback?: boolean
  /** Written by a stranger: it may neither run code, nor touch files, nor use variables. */
  readonly untrusted?: boolean
}

export interface Source {
  readonly path: string
  /** The path as errors show it: relative where it is below the working directory. */
  readonly shown: string
  /** What paths in the file are relative to. */
  readonly directory: string
  readonly text: string
  readonly document: Document
  readonly lines: LineCounter
  /** Scalars whose value came from the environment, with what the file says. */
  readonly interpolated: Map<Node, string>
}

/** Something wrong at a path of keys; a `Problem` once the file says where that is. */
export interface Finding {
  readonly path: readonly (string | number)[]
  /** Where it stands, for one that was found in the tree: a key that stands twice has one path. */
  readonly node?: Node
  readonly message: string
  readonly hint?: string | undefined
  /** Point at the key instead of the value. */
  readonly atKey?: boolean
  /** Characters into the value. */
  readonly offset?: number
  /** A required key is missing. Ignored if malformed keys were removed before the check. */
  readonly absence?: boolean
}

/** Mappings and lists in each other; a configuration needs ten. */
const MAX_DEPTH = 100
const TOO_DEEP = 'it is nested too deeply'

/** Parses without looking at meaning. Every scalar stays text, so that `tag: 3.20` is not a
 *  number. If the source is `readable` in spite of problems, its meaning may be checked too. */
export function parseSource(
  file: ConfigurationFile,
  cwd: string,
): { readonly source: Source; readonly problems: readonly Problem[]; readonly readable: boolean } {
  const lines = new LineCounter()
  const parsed = parse(file.text, lines)
  const document = parsed instanceof Document ? parsed : new Document()
  const below = relative(cwd, file.path)
  const shown = file.path === '-' || below.startsWith('..') || isAbsolute(below) ? file.path : below
  const directory = file.path === '-' ? cwd : dirname(file.path)
  const source = { path: file.path, shown, directory, text: file.text, document, lines, interpolated: new Map() }
  const { duplicates, isTooDeep } = inspected(document.contents)
  const failure = parsed instanceof Document ? (isTooDeep ? TOO_DEEP : undefined) : parsed
  const errors = document.errors.map(({ code, pos, message }) => ({
    at: pos[0],
    message: code === 'MULTIPLE_DOCS' ? 'only one YAML document is allowed in a file' : `not YAML: ${plainly(message)}`,
  }))
  const found = [...errors, ...duplicates.map((at) => ({ at, message: 'this key stands here twice' }))]
  const problems = found.map(({ at, message }) => {
    const { line, col } = lines.linePos(at)
    return { message, ...place(source, line, col) }
  })
  const failed = failure === undefined ? [] : [{ message: `not YAML: ${failure}` }]
  return { source, problems: [...failed, ...problems], readable: failed.length + errors.length === 0 }
}

/** The document, or why it cannot be read. */
function parse(text: string, lineCounter: LineCounter): Document | string {
  try {
    // The parser's own check for keys that stand twice compares each with each.
    return parseDocument(text, {
      schema: 'failsafe',
      merge: true,
      uniqueKeys: false,
      lineCounter,
      prettyErrors: false,
      logLevel: 'error',
    })
  } catch (error) {
    return reasonOf(error)
  }
}

/** Where keys stand for a second time in their mapping, and whether there are more levels than may be. */
function inspected(contents: unknown): { readonly duplicates: readonly number[]; readonly isTooDeep: boolean } {
  const duplicates: number[] = []
  let level: readonly unknown[] = [contents]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) return { duplicates, isTooDeep: true }
    level = level.flatMap((node) => {
      if (isSeq(node)) return node.items
      if (!isMap(node)) return []
      const seen = new Set<string>()
      return node.items.flatMap((pair) => {
        const name = keyName(pair)
        const at = isScalar(pair.key) ? pair.key.range?.[0] : undefined
        if (name !== undefined && name !== '<<' && seen.has(name) && at !== undefined) duplicates.push(at)
        if (name !== undefined) seen.add(name)
        return [pair.key, pair.value]
      })
    })
  }
  return { duplicates: duplicates.toSorted((a, b) => a - b), isTooDeep: false }
}

/** The content as plain objects, lists and strings. Throws if aliases multiply or nest beyond reason. */
export function contentOf(source: Source): unknown {
  if (source.document.contents === null || source.text.trim() === '') return {}
  let content: unknown
  try {
    content = source.document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error })
  }
  if (isTooDeep(content)) throw new Error(TOO_DEEP)
  return content
}

/** The same as JSON has it: a plain `true`, `false` or whole number is one, and what is quoted stays text. For a source of its own, which it
 *  changes. */
export function jsonOf(source: Source): unknown {
  visit(source.document, {
    Scalar(key, scalar) {
      if (key !== 'key') scalar.value = scalar.type === 'PLAIN' ? typed(scalar.value) : scalar.value
    },
  })
  return contentOf(source)
}

function typed(value: unknown): string | number | boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  const text = value === null || value === undefined ? '' : String(value)
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text
}

/** Aliases can nest what is flat in the file, even in itself. */
function isTooDeep(content: unknown): boolean {
  let level = new Set<object>(isObject(content) ? [content] : [])
  for (let depth = 0; level.size > 0; depth += 1) {
    if (depth > MAX_DEPTH) return true
    level = new Set([...level].flatMap((value) => Object.values(value).filter(isObject)))
  }
  return false
}

function reasonOf(error: unknown): string {
  return plainly(error instanceof Error ? error.message : String(error))
}

function plainly(message: string): string {
  return message.startsWith('Maximum call stack') ? TOO_DEEP : message
}

/** The finding with its file, line, column, and the line itself. */
export function problemOf(source: Source, finding: Finding): Problem {
  const { key, value } = nodesAt(source, finding.path)
  const node = finding.node ?? (finding.atKey ? key : value) ?? value ?? key
  const original = node && source.interpolated.get(node)
  const shown = (text: string): string =>
    withoutUserinfo(original === undefined ? text : withoutValue(text, node, original))
  const hint = finding.hint === undefined ? {} : { hint: shown(finding.hint) }
  const start = node?.range?.[0]
  const about = { message: shown(finding.message), path: finding.path, ...hint }
  if (start === undefined) return { ...about, position: { file: source.shown, line: 1, column: 1 } }
  const { line, col } = source.lines.linePos(start + offsetIn(source, node, finding.offset))
  return { ...about, ...place(source, line, col) }
}

/** What the file itself says where variables were put into a value; undefined for a value without any. */
export function writtenAt(source: Source, path: Finding['path']): string | undefined {
  const { value } = nodesAt(source, path)
  return value && source.interpolated.get(value)
}

/** A value from the environment may be secret, so the message shows the text of the file instead. */
function withoutValue(message: string, node: Node | undefined, original: string): string {
  return isScalar(node) && node.value !== '' ? message.replaceAll(String(node.value), original) : message
}

/** Where `offset` characters into the value stand in the text, where the text spells the value out. */
function offsetIn(source: Source, node: Node | undefined, offset: number | undefined): number {
  if (offset === undefined || !isScalar(node) || !node.range || source.interpolated.has(node)) return 0
  const spelled = source.text.slice(node.range[0], node.range[1]).indexOf(String(node.value))
  return spelled < 0 ? 0 : spelled + offset
}

const SECRET_LINE = /((?:password|token|secret|slack)["']?\s*:\s*)(?!\$\{)\S.*/i

/** A proxy's address may have no scheme. */
const SECRET_PROXY = /(proxy["']?\s*:\s*["']?)[^\s/]*@/i

function place(source: Source, line: number, column: number): Pick<Problem, 'position' | 'text'> {
  const { lineStarts } = source.lines
  const text = source.text.slice(lineStarts[line - 1], lineStarts[line]).trimEnd()
  const hidden = text.replace(SECRET_LINE, '$1***').replace(SECRET_PROXY, '$1***@')
  const masked = withoutUserinfo(hidden).slice(0, 200)
  return { position: { file: source.shown, line, column }, text: masked }
}

/** The line of a key path, 1-based. */
export function lineOf(source: Source, path: readonly (string | number)[]): number {
  const { key, value } = nodesAt(source, path)
  const start = (key ?? value)?.range?.[0]
  return start === undefined ? 1 : source.lines.linePos(start).line
}

/** The nodes at a path, or at as much of it as exists. Looks through aliases and merge keys. */
function nodesAt(source: Source, path: readonly (string | number)[]): { readonly key?: Node; readonly value?: Node } {
  let found: { readonly key?: Node; readonly value?: Node } = nodesOf(undefined, source.document.contents)
  for (const part of path) {
    const value = resolved(source, found.value)
    if (isMap(value)) {
      const pair = pairOf(source, value.items, String(part))
      if (!pair) break
      found = nodesOf(pair.key, pair.value)
    } else if (isSeq(value)) {
      found = nodesOf(undefined, value.items[Number(part)])
    } else break
  }
  return found
}

function nodesOf(key: unknown, value: unknown): { readonly key?: Node; readonly value?: Node } {
  return { ...(isNode(key) ? { key } : {}), ...(isNode(value) ? { value } : {}) }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}

export function resolved(source: Source, node: unknown): unknown {
  return isAlias(node) ? node.resolve(source.document) : node
}

/** The pairs of each mapping by name; of a key that stands twice the last, whose value counts. */
const INDEXES = new WeakMap<readonly Pair[], ReadonlyMap<string | undefined, Pair>>()

function pairOf(source: Source, pairs: readonly Pair[], name: string): Pair | undefined {
  const index = INDEXES.get(pairs) ?? new Map(pairs.map((pair) => [keyName(pair), pair]))
  INDEXES.set(pairs, index)
  const own = index.get(name)
  if (own || !index.has('<<')) return own
  for (const pair of pairs) {
    if (keyName(pair) !== '<<') continue
    const merged = resolved(source, pair.value)
    for (const map of isSeq(merged) ? merged.items : [merged]) {
      const target = resolved(source, map)
      const found = isMap(target) ? pairOf(source, target.items, name) : undefined
      if (found) return found
    }
  }
  return undefined
}

/** A key's name; of a merge key `<<`. */
export function keyName(pair: unknown): string | undefined {
  if (!isPair(pair) || !isScalar(pair.key)) return undefined
  const key: Scalar = pair.key
  return typeof key.value === 'symbol' ? '<<' : String(key.value)
}
