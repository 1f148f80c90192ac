/** Edits of lists whose entries stand on lines of their own: what stays of them keeps its text and its comments. */

import { isDeepStrictEqual } from 'node:util'
import { isMap, isNode, type YAMLSeq } from 'yaml'
import { keyName } from '../source.ts'
import { blockAddition, blockRemoval, blockReplacement, commentsBehind, firstLineAt } from './block.ts'
import { flowAddition, flowRemoval, flowReplacement } from './flow.ts'
import { asTexts, flowValue, isMapping, type Value, valueLines } from './render.ts'
import { endOf, lineEnd, lineStart, nextLine, type Splice, startOf, type Tree } from './tree.ts'

/** What becomes of the entries: the numbers of old and of new ones. */
type Step =
  | { readonly change: number; readonly to: number }
  | { readonly remove: number }
  | { readonly add: number; readonly behind: number }

/** Comparisons of two lists; larger ones are written anew. */
const MOST = 40_000

/** `before` is what the list has, as texts. Undefined where it can only be written anew. */
export function listReplacement(
  tree: Tree,
  list: YAMLSeq,
  before: readonly unknown[],
  to: readonly Value[],
): readonly Splice[] | undefined {
  const isSmall = before.length * to.length <= MOST
  if (list.flow || to.length === 0 || before.length !== list.items.length || !isSmall) return undefined
  const splices: Splice[] = []
  for (const step of stepsBetween(before, to.map(asTexts))) {
    const some =
      'change' in step
        ? changed(tree, list.items[step.change], before[step.change], to[step.to])
        : 'remove' in step
          ? removed(tree, list.items[step.remove])
          : added(tree, list.items[step.behind], to[step.add])
    if (some === undefined) return undefined
    splices.push(...some)
  }
  return splices
}

/** The longest common part stays; between its entries old mappings become new ones in their order. Anything else that is new has nothing of
 *  what was there before, such as a comment about it. */
function stepsBetween(before: readonly unknown[], to: readonly unknown[]): readonly Step[] {
  const steps: Step[] = []
  let [old, now, behind] = [0, 0, -1]
  for (const [nextOld, nextNow] of [...commonOf(before, to), [before.length, to.length] as const]) {
    for (; old < nextOld && now < nextNow && isMapping(before[old]) && isMapping(to[now]); old += 1, now += 1) {
      steps.push({ change: old, to: now })
      behind = old
    }
    for (; old < nextOld; old += 1) steps.push({ remove: old })
    for (; now < nextNow; now += 1) steps.push({ add: now, behind })
    behind = nextOld
    old = nextOld + 1
    now = nextNow + 1
  }
  return steps
}

/** Pairs of numbers of equal entries, ascending. */
function commonOf(a: readonly unknown[], b: readonly unknown[]): readonly (readonly [number, number])[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0))
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const row = lengths[i]
      if (row) row[j] = isDeepStrictEqual(a[i], b[j]) ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const pairs: (readonly [number, number])[] = []
  for (let [i, j] = [0, 0]; i < a.length && j < b.length; ) {
    if (isDeepStrictEqual(a[i], b[j])) pairs.push([i++, j++])
    else if (at(i + 1, j) >= at(i, j + 1)) i += 1
    else j += 1
  }
  return pairs
}

function changed(tree: Tree, map: unknown, before: unknown, to: Value | undefined): readonly Splice[] | undefined {
  if (!isMap(map) || !isMapping(before) || !isMapping(to)) return undefined
  const splices: Splice[] = []
  for (const key of new Set([...Object.keys(before), ...Object.keys(to)])) {
    const pair = map.items.find((one) => keyName(one) === key)
    const value = Object.hasOwn(to, key) ? to[key] : undefined
    if (value === undefined) {
      // Its line begins with the mark of the entry.
      if (!pair || (!map.flow && pair === map.items[0])) return undefined
      splices.push(...(map.flow ? flowRemoval(tree, map, pair) : blockRemoval(tree, map, pair)))
    } else if (!Object.hasOwn(before, key)) {
      splices.push(...(map.flow ? flowAddition(tree, map, key, value) : blockAddition(tree, map, key, value)))
    } else if (!isDeepStrictEqual(before[key], asTexts(value))) {
      if (!pair) return undefined
      splices.push(...(map.flow ? flowReplacement(tree, pair, value) : blockReplacement(tree, pair, value)))
    }
  }
  return splices
}

/** The place of an entry's mark; undefined where something else stands before it on its line. */
function markOf({ text }: Tree, entry: unknown): number | undefined {
  if (!isNode(entry) || !entry.range) return undefined
  const [first] = isMap(entry) && !entry.flow ? entry.items : []
  const start = first ? startOf(first) : entry.range[0]
  const line = lineStart(text, start)
  return /^ *- +$/.test(text.slice(line, start)) ? line + text.slice(line, start).indexOf('-') : undefined
}

/** With the comments that belong to it. */
function removed(tree: Tree, entry: unknown): readonly Splice[] | undefined {
  const { text } = tree
  const mark = markOf(tree, entry)
  if (mark === undefined) return undefined
  const depth = mark - lineStart(text, mark)
  const end = nextLine(text, commentsBehind(tree, lineEnd(text, endOf(tree, entry)), depth + 1))
  return [{ start: firstLineAt(tree, mark, depth), end, text: '' }]
}

/** Behind the one that it follows, and as that is written. */
function added(tree: Tree, entry: unknown, value: Value | undefined): readonly Splice[] | undefined {
  const { text, eol, step } = tree
  const mark = markOf(tree, entry)
  if (mark === undefined || value === undefined) return undefined
  const depth = mark - lineStart(text, mark)
  const isFlow = isMap(entry) && entry.flow === true
  const lines = isFlow ? [`${' '.repeat(depth)}- ${flowValue(value)}`] : valueLines([value], depth, step)
  const at = commentsBehind(tree, lineEnd(text, endOf(tree, entry)), depth + 1)
  return [{ start: at, end: at, text: eol + lines.join(eol) }]
}
