/** A configuration file's tree with the places of everything in its text, and the way along a path of keys. */

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  parseDocument,
  Scalar,
  visit,
  type YAMLMap,
} from 'yaml'
import { ConfigurationError } from '../../core/errors.ts'
import { keyName, problemOf, resolved, type Source } from '../source.ts'
import type { Value } from './render.ts'

export type Path = readonly string[]

/** Paths are keys from the top of the file: `['registries', 'hub', 'url']`. Lists are values, of which entries that stay keep their text. */
export type Edit =
  /** What is missing on the way is added, at the end of its mapping; of a mapping that is there only what differs is changed. */
  | { readonly set: Path; readonly to: Value }
  /** With the comments that belong to it. What is not there needs no removal. A setting whose last key goes, goes with it. */
  | { readonly remove: Path }
  /** A comment above an entry, in place of the one that begins alike: `begins` is a word such as `changed`. Not within braces. */
  | { readonly note: Path; readonly begins: string; readonly text: string }

/** A part of the text that is replaced by another; empty where it is an insertion. */
export interface Splice {
  readonly start: number
  readonly end: number
  readonly text: string
}

export interface Tree {
  readonly source: Source
  readonly document: Document
  readonly text: string
  /** What ends a line here. */
  readonly eol: string
  /** Spaces a level. */
  readonly step: number
}

export interface Location {
  /** From the top; the last one is the pair itself, or the one whose value lacks the rest. */
  readonly parents: readonly Pair[]
  /** The mapping that has the pair, or lacks it; undefined where there is nothing at all yet. */
  readonly map: YAMLMap | undefined
  readonly pair: Pair | undefined
  /** Keys that are not there. */
  readonly missing: Path
  /** It stands within braces. */
  readonly inFlow: boolean
}

export function parsedTree(source: Source): Tree {
  const { text } = source
  // That no key stands twice was seen with the source.
  const document = parseDocument(text, {
    schema: 'failsafe',
    merge: true,
    uniqueKeys: false,
    keepSourceTokens: true,
    prettyErrors: false,
  })
  return { source, document, text, eol: /\r\n|\n/.exec(text)?.[0] ?? '\n', step: stepOf(document, text) }
}

/** Throws a `ConfigurationError` if the path leads through an alias, a merge key, or a value that is not a mapping. */
export function locate(tree: Tree, path: Path): Location {
  const parents: Pair[] = []
  let map = isMap(tree.document.contents) ? tree.document.contents : undefined
  let inFlow = false
  for (const [depth, key] of path.entries()) {
    const last = depth === path.length - 1
    const pair = map?.items.find((item) => keyName(item) === key)
    inFlow ||= map?.flow === true
    if (!pair) {
      if (!last) refuseMerged(tree, map, path, depth)
      // What is added below a pair that stands in a block is written as a block.
      const within =
        map !== undefined && map.items.length === 0 ? parents.length > 1 && isWithinFlow(tree, parents) : inFlow
      return { parents, map, pair: undefined, missing: path.slice(depth), inFlow: within }
    }
    parents.push(pair)
    if (last) return { parents, map, pair, missing: [], inFlow }
    const { value } = pair
    if (isAlias(value)) throw behindAlias(tree, path.slice(0, depth + 1), value.source)
    if (isEmpty(value)) return { parents, map: undefined, pair: undefined, missing: path.slice(depth + 1), inFlow }
    if (!isMap(value)) throw refusal(tree, path.slice(0, depth + 1), `\`${key}\` is not a mapping here`)
    map = value
  }
  throw new Error('a path has at least one key')
}

function isWithinFlow(tree: Tree, parents: readonly Pair[]): boolean {
  const above = [tree.document.contents, ...parents.slice(0, -1).map(({ value }) => value)]
  return above.some((node) => isMap(node) && node.flow === true)
}

/** True for a value of which nothing is written, as in `registries:`. */
export function isEmpty(value: unknown): boolean {
  return value === null || (isScalar(value) && value.type === Scalar.PLAIN && value.source === '')
}

export function isEmptyFlow(map: YAMLMap): boolean {
  return map.flow === true && map.items.length === 0
}

function refuseMerged(tree: Tree, map: YAMLMap | undefined, path: Path, depth: number): void {
  for (const pair of map?.items ?? []) {
    if (keyName(pair) !== '<<') continue
    const merged = resolved({ ...tree.source, document: tree.document }, pair.value)
    const maps = isSeq(merged)
      ? merged.items.map((item) => resolved({ ...tree.source, document: tree.document }, item))
      : [merged]
    if (maps.some((one) => isMap(one) && one.items.some((item) => keyName(item) === path[depth]))) {
      const name = isAlias(pair.value) ? pair.value.source : 'an alias'
      throw behindAlias(tree, path.slice(0, depth + 1), name)
    }
  }
}

function behindAlias(tree: Tree, path: Path, anchor: string): ConfigurationError {
  return refusal(
    tree,
    path,
    `\`${path.at(-1)}\` stands behind the alias \`*${anchor}\`, so changing it here would change it elsewhere`,
    `change it where \`&${anchor}\` stands, or write it out here`,
  )
}

/** The error for something that cannot be changed, with its place. */
export function refusal(tree: Pick<Tree, 'source'>, path: Path, message: string, hint?: string): ConfigurationError {
  return new ConfigurationError([problemOf(tree.source, { path, atKey: true, message, hint })])
}

/** Where a pair begins: at its key. */
export function startOf(pair: Pair): number {
  return isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0
}

/** Behind the colon of a pair; where it has none, behind its key. */
export function colonEnd(pair: Pair): { readonly at: number; readonly hasColon: boolean } {
  const colon = pair.srcToken?.sep?.find(({ type }) => type === 'map-value-ind')
  if (colon) return { at: colon.offset + 1, hasColon: true }
  return { at: isNode(pair.key) ? (pair.key.range?.[1] ?? 0) : 0, hasColon: false }
}

/** Behind the last character of a pair or value; the spaces and comments that follow do not belong to it. */
export function endOf(tree: Tree, node: unknown): number {
  if (isPair(node)) return isEmpty(node.value) ? emptyEnd(tree, node) : endOf(tree, node.value)
  if ((isMap(node) || isSeq(node)) && !node.flow && node.items.length > 0) return endOf(tree, node.items.at(-1))
  if (!isNode(node) || !node.range) return 0
  const [start, end] = node.range
  if (!isScalar(node) || (node.type !== Scalar.BLOCK_LITERAL && node.type !== Scalar.BLOCK_FOLDED)) return end
  const written = tree.text.slice(start, end)
  // With a `+` the empty lines at its end are a part of the text.
  return /^[|>][^\n]*\+/.test(written) ? end - 1 : start + written.trimEnd().length
}

/** An empty value may still have an anchor. */
function emptyEnd(tree: Tree, pair: Pair): number {
  const { at } = colonEnd(pair)
  const rest = /^[ \t]+&\S+/.exec(tree.text.slice(at, lineEnd(tree.text, at)))
  return at + (rest?.[0].length ?? 0)
}

export function lineStart(text: string, at: number): number {
  return text.lastIndexOf('\n', at - 1) + 1
}

/** Before the end of line, or at the end of the text. */
export function lineEnd(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  if (newline < 0) return text.length
  return newline > at && text[newline - 1] === '\r' ? newline - 1 : newline
}

/** The first character of the next line, or the end of the text. */
export function nextLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at)
  return newline < 0 ? text.length : newline + 1
}

/** The columns before what begins at `at`, or before the line that it is in: spaces, and marks of entries. */
export function indentAt(text: string, at: number): number {
  const start = lineStart(text, at)
  return /^ *(?:- +)*/.exec(text.slice(start, at))?.[0].length ?? 0
}

function stepOf(document: Document, text: string): number {
  let step: number | undefined
  visit(document, {
    Pair(_, pair) {
      if (!isMap(pair.value) || pair.value.flow || pair.value.items.length === 0) return undefined
      const [first] = pair.value.items
      if (first) step = indentAt(text, startOf(first)) - indentAt(text, startOf(pair))
      return step !== undefined && step > 0 ? visit.BREAK : undefined
    },
  })
  return step !== undefined && step > 0 ? step : 2
}
