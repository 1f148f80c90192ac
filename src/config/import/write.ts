/** Writes a draft as YAML that the loader takes, with comments where something needs attention. */

import { Document, isMap, isScalar, isSeq, type Pair } from 'yaml'
import type { AdapterFacts } from '../../core/adapter.ts'
import { ConfigurationError, type Position, type Problem } from '../../core/errors.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import { loadConfiguration } from '../load.ts'
import { lineOf, parseSource } from '../source.ts'
import type { Draft, Entry, Note, PlainMapping } from './draft.ts'
import { positionOf } from './foreign.ts'

/** Something of the other tool's file that is not, or not quite, in the result. */
export interface Unmapped extends Position {
  readonly message: string
  /** What to do instead. */
  readonly hint: string
}

export interface Written {
  readonly yaml: string
  /** In the order of the file. */
  readonly unmapped: readonly Unmapped[]
}

export interface WriteOptions {
  /** The first line, as a comment. */
  readonly title: string
  readonly cwd: string
  readonly types: readonly AdapterFacts[]
}

/** Entries that the loader refuses are left out, with the reason as a note. */
export function writeDraft(draft: Draft, options: WriteOptions): Written {
  for (;;) {
    const yaml = textOf(draft, options.title)
    const problems = problemsIn(yaml, draft, options)
    if (problems.length === 0) return { yaml, unmapped: distinct(draft.notes.map(unmapped)).sort(byPlace) }
    leaveOut(draft, yaml, problems)
  }
}

function unmapped({ origin, atKey, message, hint }: Note): Unmapped {
  return { ...positionOf(origin, atKey), message: withoutUserinfo(message), hint: withoutUserinfo(hint) }
}

/** What is true of several policies that came of one entry is said once. */
function distinct(all: readonly Unmapped[]): Unmapped[] {
  return [...new Map(all.map((each) => [JSON.stringify(each), each])).values()]
}

function byPlace(a: Unmapped, b: Unmapped): number {
  return a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1
}

function problemsIn(yaml: string, draft: Draft, { cwd, types }: WriteOptions): readonly Problem[] {
  try {
    loadConfiguration([{ path: '-', text: yaml }], { env: Object.fromEntries(draft.variables), cwd, types })
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return error.problems
  }
}

function leaveOut(draft: Draft, yaml: string, problems: readonly Problem[]): void {
  const { source } = parseSource({ path: '-', text: yaml }, '/')
  const starts = (['registries', 'policies'] as const).flatMap((section) =>
    [...draft[section]].map(([name, { origin }]) => ({ section, name, origin, line: lineOf(source, [section, name]) })),
  )
  const byLine = new Map(starts.map((start) => [start.line, start]))
  for (const { message, hint, position } of problems) {
    let line = position?.line ?? 0
    while (line > 0 && !byLine.has(line)) line -= 1
    const entry = byLine.get(line)
    if (!entry) throw new Error(`the imported file does not load: ${message}`)
    // The first of its problems is reason enough.
    if (draft[entry.section].delete(entry.name)) draft.leaveOut(entry.origin, message, hint ?? 'write it by hand')
  }
}

function textOf(draft: Draft, title: string): string {
  const content = {
    ...(draft.registries.size > 0 ? { registries: bodies(draft.registries) } : {}),
    policies: bodies(draft.policies),
  }
  const comments = new Map<string, string[]>()
  for (const note of draft.notes) {
    const { on } = note
    const { message, hint } = unmapped(note)
    if (on) comments.set(on.join('/'), [...(comments.get(on.join('/')) ?? []), message, `  ${hint}`])
  }
  const document = new Document(content, { aliasDuplicateObjects: false })
  document.commentBefore = ` ${title}`
  const left = draft.notes.filter(({ leftOut }) => leftOut)
  if (left.length > 0) {
    const lines = left.map(unmapped).flatMap(({ line, message, hint }) => [`line ${line}: ${message}`, `  ${hint}`])
    document.comment = comment(['Left out:', ...lines])
  }
  decorate(document, comments)
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

function bodies(entries: ReadonlyMap<string, Entry>): Record<string, PlainMapping> {
  return Object.fromEntries([...entries].map(([name, { body }]) => [name, body]))
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line.replaceAll(/\s*\n\s*/g, ' ')}`).join('\n')
}

/** Comments above their entries, an empty line between entries, short lists in one line. */
function decorate(document: Document, comments: ReadonlyMap<string, readonly string[]>): void {
  for (const section of ['registries', 'policies']) {
    const entries = document.get(section)
    if (!isMap(entries)) continue
    for (const [index, pair] of entries.items.entries()) {
      const lines = comments.get(`${section}/${keyOf(pair)}`)
      if (!isScalar(pair.key)) continue
      if (lines) pair.key.commentBefore = comment([...new Set(lines)])
      if (index > 0) pair.key.spaceBefore = true
      shorten(pair.value)
    }
    if (section === 'policies' && document.has('registries')) {
      const top = isMap(document.contents) ? document.contents.items.at(-1) : undefined
      if (top && isScalar(top.key)) top.key.spaceBefore = true
    }
  }
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : ''
}

function shorten(node: unknown): void {
  if (isMap(node)) for (const pair of node.items) shorten(pair.value)
  if (!isSeq(node)) return
  const length = node.items.reduce(
    (sum: number, item) => sum + (isScalar(item) ? String(item.value).length + 4 : 1000),
    0,
  )
  node.flow = length < 100
  if (!node.flow) for (const item of node.items) shorten(item)
}
