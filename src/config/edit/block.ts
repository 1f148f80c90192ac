/** Edits of mappings whose keys stand on lines of their own. */

import { isMap, isNode, isScalar, isSeq, type Pair, Scalar, type YAMLMap } from 'yaml'
import { blockLines, flowValue, inlineScalar, isList, type Quoting, type Value, valueLines } from './render.ts'
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

/** The value in its place; where it was or becomes a mapping, as lines below its key. */
export function blockReplacement(tree: Tree, pair: Pair, to: Value): readonly Splice[] {
  const { text, eol } = tree
  const { value } = pair
  const { at } = colonEnd(pair)
  const inline = inlineText(to, value)
  if (isEmpty(value) || !isNode(value) || !value.range) {
    return inline === undefined
      ? [inserted(tree, lineEnd(text, at), linesOf(tree, pair, to))]
      : [{ start: at, end: at, text: ` ${inline}` }]
  }
  const [start] = value.range
  const end = endOf(tree, value)
  const isBelow = lineStart(text, start) > at
  if (inline !== undefined && !isBelow) return [{ start, end, text: inline }]
  const line = lineEnd(text, at)
  if (inline !== undefined) {
    return [
      { start: at, end: at, text: ` ${inline}` },
      { start: line, end, text: '' },
    ]
  }
  const lines = linesOf(tree, pair, to)
  if (isBelow) return [{ start: lineStart(text, start), end, text: lines.join(eol) }]
  // What follows on the line, such as a comment, stays beside the key.
  const before = text.slice(at, start)
  return [{ start: at + before.trimEnd().length, end, text: '' }, inserted(tree, lineEnd(text, end), lines)]
}

/** On the key's own line, where it can stand there. */
function inlineText(to: Value, before: unknown): string | undefined {
  if (typeof to !== 'object') return inlineScalar(to, quotingOf(before))
  if (!isList(to)) return Object.keys(to).length === 0 ? '{}' : undefined
  const isBlock = isSeq(before) && !before.flow && to.length > 0
  return !isBlock && to.every((entry) => typeof entry !== 'object') ? flowValue(to) : undefined
}

function quotingOf(before: unknown): Quoting {
  if (!isScalar(before)) return {}
  if (before.type === Scalar.QUOTE_DOUBLE) return { quote: 'double' }
  return before.type === Scalar.QUOTE_SINGLE ? { quote: 'single' } : {}
}

/** A value as lines; a list whose entries had lines of their own stays as deep as it was. */
function linesOf({ text, step }: Tree, pair: Pair, to: Value): readonly string[] {
  const { value } = pair
  const start = isSeq(value) && !value.flow ? value.range?.[0] : undefined
  const indent = start === undefined ? indentAt(text, startOf(pair)) + step : start - lineStart(text, start)
  return valueLines(to, indent, step)
}

/** A new key at the end of a mapping. */
export function blockAddition(tree: Tree, map: YAMLMap, key: string, value: Value): readonly Splice[] {
  const [first] = map.items
  const last = map.items.at(-1)
  if (!first || !last) return []
  const indent = indentAt(tree.text, startOf(first))
  const at = commentsBehind(tree, lineEnd(tree.text, endOf(tree, last)), indent)
  const gap = hasGaps(tree, map) ? [''] : []
  return [inserted(tree, at, [...gap, ...blockLines(key, value, indent, tree.step)])]
}

/** A key at the top of the file: at its end, an empty line before it. */
export function documentAddition(tree: Tree, map: YAMLMap | undefined, key: string, value: Value): readonly Splice[] {
  const { text, eol, step } = tree
  const lines = blockLines(key, value, 0, step)
  const from = map?.items.length ? endOf(tree, map) : 0
  const marker = /^\.\.\.(\s|$)/m.exec(text.slice(from))
  const end = marker ? from + marker.index : text.length
  const content = text.slice(0, end).trimEnd().length
  if (content === 0) return [{ start: end, end, text: lines.join(eol) + eol }]
  const at = lineEnd(text, content)
  const gap = text.slice(0, content).endsWith('---') ? [] : ['']
  const closing = at === text.length ? eol : ''
  return [{ start: at, end: at, text: eol + [...gap, ...lines].join(eol) + closing }]
}

/** The first key of a mapping of which nothing is there yet, or `{}`. */
export function blockFilling(tree: Tree, parent: Pair, key: string, value: Value): readonly Splice[] {
  const { text } = tree
  const indent = indentAt(text, startOf(parent))
  const { value: before } = parent
  const line = lineEnd(text, endOf(tree, parent))
  const at = commentsBehind(tree, line, indent + 1)
  const lines = inserted(tree, at, blockLines(key, value, indent + tree.step, tree.step))
  if (!isMap(before) || !before.range) return [lines]
  const [start, end] = before.range
  return [{ start: text[start - 1] === ' ' ? start - 1 : start, end, text: '' }, lines]
}

function inserted({ eol }: Tree, at: number, lines: readonly string[]): Splice {
  return { start: at, end: at, text: eol + lines.join(eol) }
}

/** The end of the comment lines that follow directly and are indented at least `depth`. `at` is the end of a line. */
export function commentsBehind({ text }: Tree, at: number, depth: number): number {
  let end = at
  for (;;) {
    const start = nextLine(text, end)
    const comment = /^( *)#[^\n]*/.exec(text.slice(start, lineEnd(text, start)))
    if (start === text.length || !comment || (comment[1] ?? '').length < depth) return end
    end = lineEnd(text, start)
  }
}

/** True where an empty line stands before every key but the first. */
function hasGaps(tree: Tree, map: YAMLMap): boolean {
  const [, ...others] = map.items
  return (
    others.length > 0 && others.every((pair) => isBlank(tree.text, lineStart(tree.text, firstLine(tree, pair)) - 1))
  )
}

/** A pair with its comments. */
export function blockRemoval(tree: Tree, map: YAMLMap, pair: Pair): readonly Splice[] {
  const { text } = tree
  const depth = indentAt(text, startOf(pair))
  let start = firstLine(tree, pair)
  let end = nextLine(text, ownEnd(tree, lineEnd(text, endOf(tree, pair)), depth))
  const blankBefore = start > 0 && isBlank(text, start - 1)
  const blankAfter = end === text.length || isBlank(text, end)
  // Of the empty lines around it those on one side go, too.
  if (blankBefore && blankAfter) {
    if (pair === map.items.at(-1)) while (start > 0 && isBlank(text, start - 1)) start = lineStart(text, start - 1)
    else while (end < text.length && isBlank(text, end)) end = nextLine(text, end)
  }
  // A file whose last line has no end keeps that.
  if (end === text.length && !text.endsWith('\n') && start > 0) start = lineEnd(text, lineStart(text, start - 1))
  return [{ start, end, text: '' }]
}

/** The start of the first line of comment that belongs to a pair: directly above it, as deep as it is. */
function firstLine(tree: Tree, pair: Pair): number {
  return firstLineAt(tree, startOf(pair), indentAt(tree.text, startOf(pair)))
}

/** The same of what begins at `at` and is so deep. */
export function firstLineAt({ text }: Tree, at: number, depth: number): number {
  let start = lineStart(text, at)
  while (start > 0) {
    const above = lineStart(text, start - 1)
    if (!text.slice(above, start).startsWith(`${' '.repeat(depth)}#`)) break
    start = above
  }
  return start
}

/** Behind the comments within a pair that stand after its last value, also after empty lines. */
function ownEnd(tree: Tree, at: number, depth: number): number {
  const { text } = tree
  let end = commentsBehind(tree, at, depth + 1)
  for (;;) {
    let start = nextLine(text, end)
    while (start < text.length && isBlank(text, start)) start = nextLine(text, start)
    const behind = start === text.length ? end : commentsBehind(tree, Math.max(start - 1, 0), depth + 1)
    if (behind <= start) return end
    end = behind
  }
}

/** True where the line of `at` has nothing but spaces. */
function isBlank(text: string, at: number): boolean {
  return at >= 0 && text.slice(lineStart(text, at), lineEnd(text, at)).trim() === ''
}

export function blockNote(tree: Tree, pair: Pair, begins: string, note: string): readonly Splice[] {
  const { text, eol } = tree
  const key = lineStart(text, startOf(pair))
  const line = `${' '.repeat(indentAt(text, startOf(pair)))}# ${note}`
  for (let start = firstLine(tree, pair); start < key; start = nextLine(text, start)) {
    const end = lineEnd(text, start)
    if (new RegExp(`^ *# *${begins}\\b`).test(text.slice(start, end))) return [{ start, end, text: line }]
  }
  return [{ start: key, end: key, text: line + eol }]
}
