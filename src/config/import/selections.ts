/** What to take of a repository or registry, gathered from lists of regular expressions into as few filters as mean the same. */

import { compilePattern } from '../../core/pattern.ts'
import { parsePattern, type Token } from '../../core/pattern-syntax.ts'
import { type Matching, patternsOf } from './expression-patterns.ts'
import { ExpressionError } from './regular-expression.ts'

/** Matches what one of `include` and none of `exclude` matches; without `include` everything. */
export interface Choice {
  readonly include?: readonly string[]
  readonly exclude: readonly string[]
}

/** Why an expression could not be taken over as it is. */
export interface Misfit {
  /** Its place in the list that was given. */
  readonly index: number
  readonly message: string
  readonly hint: string
}

export interface Gathered {
  /** Together they match what the expressions match. */
  readonly choices: readonly Choice[]
  readonly misfits: readonly Misfit[]
}

export interface Expressions {
  readonly of: 'tag' | 'name'
  /** Anchored as the tool anchors them; `written` is what the file says. */
  readonly allow: readonly Written[]
  readonly deny?: readonly Written[]
}

export interface Written {
  readonly expression: string
  readonly written: string
  /** Its place in the list that the misfits name. */
  readonly index: number
}

/** Exact names and expressions become choices; several only where one's exceptions would hit what another includes. */
export function gather({ of, allow, deny = [] }: Expressions): Gathered & { readonly denied: readonly Misfit[] } {
  const misfits: Misfit[] = []
  const denied: Misfit[] = []
  const matchings = allow.flatMap((each) => read(each, of, misfits, allowed))
  const without = deny.flatMap((each) => read(each, of, denied, refused)).map(({ include }) => include)
  if (allow.length === 0) return { choices: [{ exclude: [...new Set(without)] }], misfits, denied }
  const choices = joined(matchings).map(({ include, exclude }) => ({
    include: [...new Set(include)],
    exclude: [...new Set([...exclude, ...without])],
  }))
  return { choices, misfits, denied }
}

type Judge = (matchings: readonly Matching[], exact: boolean, written: string) => Omit<Misfit, 'index'> | undefined

function read(
  { expression, written, index }: Written,
  of: 'tag' | 'name',
  misfits: Misfit[],
  judge: Judge,
): readonly Matching[] {
  try {
    const { matchings, exact } = patternsOf(expression, of)
    const misfit = judge(matchings, exact, written)
    if (misfit) misfits.push({ index, ...misfit })
    return matchings
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    misfits.push({
      index,
      message: `\`${written}\` is no regular expression: ${error.message}`,
      hint: 'it is left out',
    })
    return []
  }
}

function allowed(matchings: readonly Matching[], exact: boolean, written: string): Omit<Misfit, 'index'> | undefined {
  if (matchings.length === 0) return { message: `\`${written}\` matches nothing`, hint: 'it is left out' }
  if (exact) return undefined
  return {
    message: `\`${written}\` is no pattern: ${shown(matchings)} takes more`,
    hint: 'narrow it with `exclude` or `semver`; `replicate plan --explain` shows what is taken',
  }
}

/** Exceptions to an exception cannot be said, so more is left out than before. */
function refused(matchings: readonly Matching[], exact: boolean, written: string): Omit<Misfit, 'index'> | undefined {
  if (matchings.length === 0 || (exact && matchings.every(({ exclude }) => exclude.length === 0))) return undefined
  return {
    message: `\`${written}\` is no pattern: ${shown(matchings)} leaves out more`,
    hint: 'narrow it; `replicate plan --explain` shows what is left out',
  }
}

function shown(matchings: readonly Matching[]): string {
  return matchings.map(({ include }) => `\`${include}\``).join(', ')
}

interface Group {
  readonly include: string[]
  readonly exclude: string[]
}

function joined(matchings: readonly Matching[]): readonly Group[] {
  const groups: Group[] = []
  for (const { include, exclude } of matchings) {
    const group = groups.find(
      (each) =>
        exclude.every((pattern) => each.include.every((name) => areApart(pattern, name))) &&
        each.exclude.every((pattern) => areApart(pattern, include)),
    )
    if (!group) groups.push({ include: [include], exclude: [...exclude] })
    else {
      group.include.push(include)
      group.exclude.push(...exclude)
    }
  }
  return groups
}

/** True where no name surely matches both. */
function areApart(pattern: string, other: string): boolean {
  const { literals } = compilePattern(other)
  if (literals) return !literals.some((name) => compilePattern(pattern).matches(name))
  return parsePattern(pattern).every((left) =>
    parsePattern(other).every((right) => differ(left, right) || differ(left.toReversed(), right.toReversed())),
  )
}

const CHARACTERS = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))

/** They differ in a character before the first star of either. */
function differ(left: readonly Token[], right: readonly Token[]): boolean {
  for (let at = 0; ; at += 1) {
    const [a, b] = [left[at], right[at]]
    if (!a || !b || isStar(a) || isStar(b)) return false
    if (!CHARACTERS.some((character) => accepts(a, character) && accepts(b, character))) return true
  }
}

function isStar({ kind }: Token): boolean {
  return kind === 'star' || kind === 'globstar' || kind === 'parts'
}

function accepts(token: Token, character: string): boolean {
  if (token.kind === 'character') return token.value === character
  if (character === '/') return false
  if (token.kind !== 'class') return true
  const code = character.charCodeAt(0)
  return token.ranges.some(([from, to]) => code >= from && code <= to) !== token.negated
}
