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
} from 'yaml'
import type { Problem } from '../core/errors.ts'

export interface ConfigurationFile {
  /** Absolute, or `-` for standard input. */
  readonly path: string
  readonly text: string
  /** The user's configuration beside files that were named: only the registries they need are taken from it. */
  readonly fallback?: boolean
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
  /** Something is not there; which says nothing where malformed keys were left out. */
  readonly absence?: boolean
}

const SYNTAX: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key stands here twice',
  MULTIPLE_DOCS: 'only one YAML document is allowed in a file',
}

/** Parses without looking at meaning. Every scalar stays text, so that `tag: 3.20` is not a
 *  number. Where the source is `readable` in spite of problems, its meaning may be checked too. */
export function parseSource(
  file: ConfigurationFile,
  cwd: string,
): { readonly source: Source; readonly problems: readonly Problem[]; readonly readable: boolean } {
  const lines = new LineCounter()
  const { document, failure } = parsed(file.text, lines)
  const below = relative(cwd, file.path)
  const shown = file.path === '-' || below.startsWith('..') || isAbsolute(below) ? file.path : below
  const directory = file.path === '-' ? cwd : dirname(file.path)
  const source = { path: file.path, shown, directory, text: file.text, document, lines, interpolated: new Map() }
  const problems = document.errors.map((error) => {
    const { line, col } = lines.linePos(error.pos[0])
    return { message: SYNTAX[error.code] ?? `not YAML: ${plainly(error.message)}`, ...place(source, line, col) }
  })
  const readable = !failure && document.errors.every((error) => error.code === 'DUPLICATE_KEY')
  return { source, problems: failure ? [failure, ...problems] : problems, readable }
}

function parsed(text: string, lines: LineCounter): { readonly document: Document; readonly failure?: Problem } {
  try {
    const document = parseDocument(text, { schema: 'failsafe', merge: true, lineCounter: lines, prettyErrors: false })
    return { document }
  } catch (error) {
    return { document: new Document(), failure: { message: `not YAML: ${reasonOf(error)}` } }
  }
}

/** The content as plain objects, lists and strings. Throws where aliases multiply beyond reason. */
export function contentOf(source: Source): unknown {
  if (source.document.contents === null || source.text.trim() === '') return {}
  try {
    return source.document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error })
  }
}

function reasonOf(error: unknown): string {
  return plainly(error instanceof Error ? error.message : String(error))
}

function plainly(message: string): string {
  return message.startsWith('Maximum call stack') ? 'it is nested too deeply' : message
}

/** The finding with its file, line, column, and the line itself. */
export function problemOf(source: Source, finding: Finding): Problem {
  const { key, value } = nodesAt(source, finding.path)
  const node = finding.node ?? (finding.atKey ? key : value) ?? value ?? key
  const original = node && source.interpolated.get(node)
  const shown = original === undefined ? finding.message : withoutValue(finding.message, node, original)
  const hint = finding.hint === undefined ? {} : { hint: finding.hint }
  const start = node?.range?.[0]
  if (start === undefined)
    return { message: withoutUserinfo(shown), position: { file: source.shown, line: 1, column: 1 }, ...hint }
  const { line, col } = source.lines.linePos(start + offsetIn(source, node, finding.offset))
  return { message: withoutUserinfo(shown), ...place(source, line, col), ...hint }
}

/** What came from the environment may be secret: the message shows what the file says instead. */
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

function place(source: Source, line: number, column: number): Pick<Problem, 'position' | 'text'> {
  const text = source.text.split('\n')[line - 1]?.trimEnd() ?? ''
  const masked = withoutUserinfo(text.replace(SECRET_LINE, '$1***')).slice(0, 200)
  return { position: { file: source.shown, line, column }, text: masked }
}

function withoutUserinfo(text: string): string {
  return text.replaceAll(/\/\/[^/@\s]*@/g, '//***@')
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

function pairOf(source: Source, pairs: readonly Pair[], name: string): Pair | undefined {
  // The last of a key that stands here twice: that is the one whose value counts.
  const own = pairs.findLast((pair) => keyName(pair) === name)
  if (own) return own
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
