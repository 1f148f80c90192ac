/** Edits within braces: `{ a: 1, b: 2 }`. */

import { isNode, isScalar, type Pair, Scalar, type YAMLMap } from 'yaml'
import { flowPair, flowValue, type Quoting, type Value } from './render.ts'
import {
  colonEnd,
  endOf,
  indentAt,
  isEmpty,
  lineEnd,
  lineStart,
  nextLine,
  type Splice,
  startOf,
  type Tree,
} from './tree.ts'

export function flowReplacement(tree: Tree, pair: Pair, to: Value): readonly Splice[] {
  const text = flowValue(to, quotingOf(pair.value, pair.key))
  if (isEmpty(pair.value)) return [emptyFilled(pair, text)]
  const { value } = pair
  if (!isNode(value) || !value.range) return []
  return [{ start: value.range[0], end: endOf(tree, value), text }]
}

/** Gives a pair that has no value yet, or an empty mapping, its first key. */
export function flowFilling(tree: Tree, parent: Pair, key: string, value: Value): readonly Splice[] {
  return flowReplacement(tree, parent, { [key]: value })
}

function emptyFilled(pair: Pair, text: string): Splice {
  const { at, hasColon } = colonEnd(pair)
  return { start: at, end: at, text: hasColon ? ` ${text}` : `: ${text}` }
}

export function flowAddition(tree: Tree, map: YAMLMap, key: string, value: Value): readonly Splice[] {
  const last = map.items.at(-1)
  const [start = 0, close = 0] = map.range ?? []
  const added = flowPair(key, value, quotingOf(undefined, last?.key))
  if (!last) {
    const space = tree.text.slice(start + 1, close - 1).trim() === '' ? ' ' : ''
    return space === '' ? [] : [{ start, end: close, text: `{ ${added} }` }]
  }
  const end = endOf(tree, last)
  const comma = commaAfter(map, end)
  if (isAloneOnLine(tree, startOf(last)) && lineEnd(tree.text, comma ?? end) < close - 1) {
    // One a line: so is the new one.
    const line = lineEnd(tree.text, comma ?? end)
    const text = `${tree.eol}${' '.repeat(indentAt(tree.text, startOf(last)))}${added}${comma === undefined ? '' : ','}`
    return [...(comma === undefined ? [{ start: end, end, text: ',' }] : []), { start: line, end: line, text }]
  }
  if (comma !== undefined) return [{ start: comma + 1, end: comma + 1, text: ` ${added},` }]
  return [{ start: end, end, text: `, ${added}` }]
}

export function flowRemoval(tree: Tree, map: YAMLMap, pair: Pair): readonly Splice[] {
  const at = map.items.indexOf(pair)
  const [before, after] = [map.items[at - 1], map.items[at + 1]]
  const [start, end] = [startOf(pair), endOf(tree, pair)]
  const comma = commaAfter(map, end)
  const { text } = tree
  // The comma of what is now the last one goes with it, so that JSON stays JSON.
  const dangling = before && !after && comma === undefined ? commaAfter(map, endOf(tree, before)) : undefined
  const commas = dangling === undefined ? [] : [{ start: dangling, end: dangling + 1, text: '' }]
  const rest = text.slice((comma ?? end - 1) + 1, lineEnd(text, comma ?? end))
  if (isAloneOnLine(tree, start) && /^\s*(#.*)?$/.test(rest)) {
    return [...commas, { start: lineStart(text, start), end: nextLine(text, comma ?? end), text: '' }]
  }
  if (after) return [{ start, end: startOf(after), text: '' }]
  if (before) return [{ start: endOf(tree, before), end, text: '' }]
  const [open = 0, close = 0] = map.range ?? []
  return [{ start: open, end: close, text: '{}' }]
}

function isAloneOnLine({ text }: Tree, at: number): boolean {
  return text.slice(lineStart(text, at), at).trim() === ''
}

/** Where the comma stands that follows the pair which ends at `end`. */
function commaAfter(map: YAMLMap, end: number): number | undefined {
  const token = map.srcToken
  if (token?.type !== 'flow-collection') return undefined
  const commas = token.items.flatMap(({ start }) => start).filter(({ type }) => type === 'comma')
  return commas.find(({ offset }) => offset >= end)?.offset
}

/** As the value before it, or the key beside it, is quoted: a JSON file stays one. */
function quotingOf(value: unknown, key: unknown): Quoting {
  if (isScalar(value) && value.type === Scalar.QUOTE_SINGLE) return { quote: 'single' }
  const double = (node: unknown): boolean => isScalar(node) && node.type === Scalar.QUOTE_DOUBLE
  return double(value) || double(key) ? { quote: 'double' } : {}
}
