/** Changes the text of a configuration file so that only the intended lines differ: comments, order, anchors, quoting and spacing stay. */

import { isSeq } from 'yaml'
import { ConfigurationError } from '../../core/errors.ts'
import { type ConfigurationFile, contentOf, parseSource, type Source } from '../source.ts'
import { blockAddition, blockFilling, blockNote, blockRemoval, blockReplacement, documentAddition } from './block.ts'
import { flowAddition, flowFilling, flowRemoval, flowReplacement } from './flow.ts'
import { checkOnlyIntended } from './guard.ts'
import { listReplacement } from './list.ts'
import { asTexts, isList, isMapping, type Value } from './render.ts'
import { type Edit, isEmptyFlow, type Location, locate, type Path, parsedTree, type Splice, type Tree } from './tree.ts'

export type { Value } from './render.ts'
export type { Edit, Path } from './tree.ts'

export interface EditedSource {
  readonly before: Source
  /** The same as `before` where nothing had to change. */
  readonly after: Source
}

/** All edits, in order, and after them `note` where they have changed anything. Throws a `ConfigurationError` with its place if the text is not
 *  YAML, or if a value cannot be changed without changing another one, such as a value behind an alias. `cwd` is what errors show paths relative
 *  to. A large text takes long to parse: each state of it is parsed once as a source, and once as a tree. */
export function edited(file: ConfigurationFile, edits: readonly Edit[], cwd: string, note?: Edit): EditedSource {
  const before = read(file, cwd)
  let after = before
  const becoming = (splices: readonly Splice[], edit: Edit): Source => {
    const text = spliced(after.text, splices)
    if (text === after.text) return after
    const next = parseSource({ ...file, text }, cwd).source
    checkOnlyIntended(after, next, edit)
    return next
  }
  const apply = (edit: Edit): void => {
    const tree = parsedTree(after)
    after = entriesKept(tree, edit, (splices) => becoming(splices, edit)) ?? becoming(splicesOf(tree, edit), edit)
  }
  for (const edit of edits.flatMap((one) => simpleEdits(before, one))) apply(edit)
  if (note && after !== before) apply(note)
  return { before, after }
}

/** The text after all edits. */
export function editedText(file: ConfigurationFile, edits: readonly Edit[], cwd: string): string {
  return edited(file, edits, cwd).after.text
}

/** Of a list what stays as it is written; undefined where that cannot be done, and it is written anew. */
function entriesKept(tree: Tree, edit: Edit, becoming: (splices: readonly Splice[]) => Source): Source | undefined {
  if (!('set' in edit) || typeof edit.to !== 'object' || !isList(edit.to)) return undefined
  const { pair, inFlow } = locate(tree, edit.set)
  const before = valueAt(contentOf(tree.source), edit.set)
  if (inFlow || !isSeq(pair?.value) || !Array.isArray(before)) return undefined
  const splices = listReplacement(tree, pair.value, before, edit.to)
  if (splices === undefined) return undefined
  try {
    return becoming(splices)
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined
    throw error
  }
}

function read(file: ConfigurationFile, cwd: string): Source {
  const { source, problems } = parseSource(file, cwd)
  if (problems.length > 0) throw new ConfigurationError(problems)
  return source
}

/** Splits the replacement of a mapping into one edit for each difference; a value that is already equal needs no edit. */
function simpleEdits(source: Source, edit: Edit): readonly Edit[] {
  if (!('set' in edit)) return [edit]
  return differences(edit.set, valueAt(contentOf(source), edit.set), edit.to)
}

function differences(path: Path, before: unknown, to: Value): readonly Edit[] {
  if (isMapping(before) && isMapping(to)) {
    const gone = Object.keys(before).filter((key) => !Object.hasOwn(to, key))
    return [
      ...gone.map((key): Edit => ({ remove: [...path, key] })),
      ...Object.entries(to).flatMap(([key, value]) => differences([...path, key], valueAt(before, [key]), value)),
    ]
  }
  return JSON.stringify(before) === JSON.stringify(asTexts(to)) ? [] : [{ set: path, to }]
}

function valueAt(content: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined,
    content,
  )
}

function splicesOf(tree: Tree, edit: Edit): readonly Splice[] {
  if ('set' in edit) return setting(tree, edit.set, edit.to)
  if ('remove' in edit) return removal(tree, edit.remove)
  const { pair, inFlow } = locate(tree, edit.note)
  return pair === undefined || inFlow ? [] : blockNote(tree, pair, edit.begins, edit.text)
}

function setting(tree: Tree, path: Path, to: Value): readonly Splice[] {
  const location = locate(tree, path)
  const { map, pair, inFlow, parents } = location
  if (pair !== undefined) return inFlow ? flowReplacement(tree, pair, to) : blockReplacement(tree, pair, to)
  const [key = '', ...deeper] = location.missing
  const value = deeper.reduceRight<Value>((inner, name) => ({ [name]: inner }), to)
  const parent = parents.at(-1)
  if (parent !== undefined && (map === undefined || isEmptyFlow(map))) {
    return inFlow ? flowFilling(tree, parent, key, value) : blockFilling(tree, parent, key, value)
  }
  if (map === undefined || (parent === undefined && !map.flow)) return documentAddition(tree, map, key, value)
  return map.flow ? flowAddition(tree, map, key, value) : blockAddition(tree, map, key, value)
}

function removal(tree: Tree, path: Path): readonly Splice[] {
  const { map, pair, inFlow }: Location = locate(tree, path)
  if (pair === undefined || map === undefined) return []
  // An empty section may stay, but an empty mapping below it would not load.
  if (map.items.length === 1 && path.length > 2) return removal(tree, path.slice(0, -1))
  return inFlow || map.flow ? flowRemoval(tree, map, pair) : blockRemoval(tree, map, pair)
}

/** Applies the splices; those with the same start keep their order. */
function spliced(text: string, splices: readonly Splice[]): string {
  const parts: string[] = []
  let from = 0
  for (const { start, end, text: put } of [...splices].sort((a, b) => a.start - b.start)) {
    parts.push(text.slice(from, start), put)
    from = end
  }
  return parts.join('') + text.slice(from)
}
