/** Patterns that mean what a regular expression means, as far as patterns can. */

import { type Atom, one } from './atoms.ts'
import { parseExpression } from './regular-expression.ts'

/** What matches `include` and none of `exclude`. */
export interface Matching {
  readonly include: string
  readonly exclude: readonly string[]
}

export interface Patterns {
  readonly matchings: readonly Matching[]
  /** False where they match more than the expression does. */
  readonly exact: boolean
}

/** The characters that may stand in a tag. */
const TAG = charactersOf('-._')
/** The characters that may stand in a repository's name. */
const NAME = new Set([...charactersOf('-._/')].filter((character) => character === character.toLowerCase()))

/** Of tags or of repository names. The expression is searched for anywhere unless it has anchors. Throws an `ExpressionError`. */
export function patternsOf(expression: string, of: 'tag' | 'name'): Patterns {
  const universe = of === 'tag' ? TAG : NAME
  const { alternatives, exact } = parseExpression(expression, universe)
  const found = alternatives.flatMap(withoutMixed).map((atoms) => matchingOf(atoms, universe))
  const matchings = new Map(found.map(({ matching }) => [JSON.stringify(matching), matching]))
  return { matchings: [...matchings.values()], exact: exact && found.every((each) => each.exact) }
}

function charactersOf(punctuation: string): ReadonlySet<string> {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  return new Set(`0123456789${letters}${letters.toUpperCase()}${punctuation}`)
}

/** In names, what is a slash or something else becomes an alternative of each: beside stars a slash has a meaning of its own. */
function withoutMixed(atoms: readonly Atom[]): readonly (readonly Atom[])[] {
  let found: readonly (readonly Atom[])[] = [[]]
  for (const atom of atoms) {
    const parts = partsOf(atom)
    if (found.length * parts.length > MAX_ALTERNATIVES) return [atoms]
    found = found.flatMap((head) => parts.map((part) => [...head, ...part]))
  }
  return found.filter(mayBeName)
}

const MAX_ALTERNATIVES = 64
const MAX_SEPARATORS = 5
const SLASH = one(new Set('/'))

function partsOf(atom: Atom): readonly (readonly Atom[])[] {
  const { set, repeat } = atom
  if (!set.has('/') || repeat === 'any' || (repeat === 'one' && set.size === 1)) return [[atom]]
  const other = one(new Set([...set].filter((each) => each !== '/')))
  const more: readonly Atom[] = repeat === 'some' ? [{ set, repeat: 'any' }] : []
  return [[SLASH, ...more], ...(other.set.size > 0 ? [[other, ...more]] : [])]
}

/** A name has no empty part. */
function mayBeName(atoms: readonly Atom[]): boolean {
  return !atoms.some((atom, at) => isSlash(atom) && (at === 0 || at === atoms.length - 1 || isSlash(atoms[at - 1])))
}

type Universe = ReadonlySet<string>

function matchingOf(
  atoms: readonly Atom[],
  universe: Universe,
): { readonly matching: Matching; readonly exact: boolean } {
  const include = atoms.map((atom, at) => written(atom, atoms[at - 1], atoms[at + 1], universe)).join('')
  if (atoms.every((atom) => atom.repeat === 'one' || isWide(atom.set, universe))) {
    return { matching: { include, exclude: [] }, exact: true }
  }
  const exclude = excluded(atoms, universe)
  return { matching: { include, exclude: exclude ?? [] }, exact: exclude !== undefined }
}

/** All characters, or in names all but the slash: what a star stands for. */
function isWide(set: ReadonlySet<string>, universe: Universe): boolean {
  return set.size === universe.size || (universe.has('/') && set.size === universe.size - 1 && !set.has('/'))
}

function written(atom: Atom, before: Atom | undefined, after: Atom | undefined, universe: Universe): string {
  const { set, repeat } = atom
  if (repeat === 'one') return character(set, universe)
  const star = universe.has('/') && set.has('/') ? '**' : '*'
  if (!isWide(set, universe)) return repeat === 'some' ? `${character(set, universe)}${star}` : star
  if (star === '*') return repeat === 'some' ? '?*' : '*'
  // No name has an empty part, so what begins one is no slash; and `**` as a whole part followed by a slash would be none or more.
  return (before === undefined || isSlash(before)) && isSlash(after) ? '?**' : '**'
}

function isSlash(atom: Atom | undefined): boolean {
  return atom?.repeat === 'one' && atom.set.size === 1 && atom.set.has('/')
}

/** A pattern of one character out of the set. */
function character(set: ReadonlySet<string>, universe: Universe): string {
  const slash = set.has('/')
  const plain = [...set].filter((each) => each !== '/')
  if (plain.length === 0) return '/'
  const core = classOf(plain, universe)
  return slash ? `{${core},/}` : core
}

/** Classes, also negated ones, never match a slash. */
function classOf(plain: readonly string[], universe: Universe): string {
  const [only, ...others] = plain
  if (only !== undefined && others.length === 0) return only
  const missing = [...universe].filter((each) => each !== '/' && !plain.includes(each))
  if (missing.length === 0) return '?'
  const [positive, negative] = [`[${ranges(plain)}]`, `[^${ranges(missing)}]`]
  return negative.length < positive.length ? negative : positive
}

/** Punctuation last, the dash at the very end, where none of it can be taken for a range. */
function ranges(characters: readonly string[]): string {
  const sorted = [...characters].sort()
  let text = ''
  for (let at = 0; at < sorted.length; ) {
    const from = sorted[at] ?? ''
    let length = 1
    while (isLetterOrDigit(from) && follows(from, sorted[at + length], length)) length += 1
    if (isLetterOrDigit(from))
      text += length > 2 ? `${from}-${sorted[at + length - 1]}` : sorted.slice(at, at + length).join('')
    at += length
  }
  const punctuation = sorted.filter((each) => !isLetterOrDigit(each))
  const dash = punctuation.includes('-') ? '-' : ''
  return `${text}${punctuation.filter((each) => each !== '-').join('')}${dash}`
}

function isLetterOrDigit(text: string): boolean {
  return /^[a-zA-Z0-9]$/.test(text)
}

function follows(from: string, candidate: string | undefined, distance: number): boolean {
  return (
    candidate !== undefined && isLetterOrDigit(candidate) && candidate.charCodeAt(0) === from.charCodeAt(0) + distance
  )
}

/** What must be taken out of the `include` of a sequence with `[0-9]+` and the like, so that the rest is exactly it; undefined where
 *  that cannot be said. It can where what stands before and behind all repetitions has one length, all repeat the same set, and each
 *  character between them either belongs to that set or to none: then the number of separators decides where everything stands. */
function excluded(atoms: readonly Atom[], universe: Universe): readonly string[] | undefined {
  const repeated = atoms.filter(({ repeat }) => repeat !== 'one')
  const set = repeated[0]?.set ?? new Set()
  const isSame = (other: ReadonlySet<string>): boolean =>
    other.size === set.size && [...other].every((each) => set.has(each))
  if (set.has('/') || !repeated.every((atom) => isSame(atom.set))) return undefined
  const first = atoms.findIndex(({ repeat }) => repeat !== 'one')
  const last = atoms.findLastIndex(({ repeat }) => repeat !== 'one')
  const between = atoms.slice(first + 1, last).filter(({ repeat }) => repeat === 'one')
  const separators = between.filter((atom) => [...atom.set].every((each) => !set.has(each)))
  const inside = between.filter((atom) => [...atom.set].every((each) => set.has(each)))
  if (separators.length + inside.length < between.length || separators.length > MAX_SEPARATORS) return undefined
  const separating = new Set(separators.flatMap((atom) => [...atom.set]))
  const foreign = [...universe].filter((each) => each !== '/' && !set.has(each) && !separating.has(each))
  const star = universe.has('/') ? '**' : '*'
  const edge = (from: number, to?: number): string =>
    atoms
      .slice(from, to)
      .map((atom) => character(atom.set, universe))
      .join('')
  // The first of them is known to be there, which keeps these patterns from what another expression includes.
  const begin = atoms[first]?.repeat === 'some' ? character(set, universe) : ''
  const [head, tail] = [`${edge(0, first)}${begin}`, edge(last + 1)]
  // Between two slashes there is something.
  const gap = universe.has('/') ? '{,?**}' : star
  const tooMany = `${gap}${character(separating, universe)}`.repeat(separators.length + 1) + gap
  return [
    ...(foreign.length > 0 ? [`${head}${star}${classOf(foreign, universe)}${star}${tail}`] : []),
    ...(separators.length > 0 ? [`${head}${tooMany}${tail}`] : []),
  ]
}
