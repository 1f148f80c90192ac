/** Patterns of names and tags: `*`, `**`, `?`, `{a,b}`, `[a-z]`, `\`; case-sensitive and anchored at both ends. */

import picomatch from 'picomatch'
import { type CharacterClass, parsePattern, type Token } from './wildcards.ts'

export { PatternError } from './wildcards.ts'

export interface Pattern {
  readonly source: string
  matches(name: string): boolean
  /** The names it stands for, braces spelled out, where it has no wildcards. */
  readonly literals: readonly string[] | undefined
}

/** Reads a pattern; an empty one matches all. Throws a `PatternError` with the column where it is malformed. */
export function compilePattern(pattern: string): Pattern {
  if (pattern === '') return { source: '', matches: () => true, literals: undefined }
  const alternatives = parsePattern(pattern)
  const names = alternatives.map(literal)
  if (names.every((name) => name !== undefined)) {
    const literals = new Set(names)
    return { source: pattern, matches: (name) => literals.has(name), literals: [...literals].filter(Boolean) }
  }
  const matchers = alternatives.map(matcher)
  return { source: pattern, matches: (name) => matchers.some((matches) => matches(name)), literals: undefined }
}

const OPTIONS = {
  dot: true,
  nonegate: true,
  noextglob: true,
  strictSlashes: true,
  // Else `[ab]` would match its own four characters too.
  literalBrackets: false,
} as const

/** Above this, picomatch's regular expression backtracks for seconds on a name of 255 characters. */
const MAX_STARS = 2

/** Names with an empty, `.` or `..` part, to which picomatch gives a meaning that they do not have here. */
const UNUSUAL = /(?:^|\/)\.{0,2}(?:\/|$)/

function matcher(tokens: readonly Token[]): (name: string) => boolean {
  const stars = tokens.filter((token) => token.kind === 'star' || token.kind === 'parts' || token.kind === 'globstar')
  const shared = tokens.some((token) => token.kind === 'globstar' && !token.whole)
  if (shared || stars.length > MAX_STARS) return (name) => walk(tokens, name)
  const regexp = picomatch.makeRe(tokens.map(written).join(''), OPTIONS)
  return (name) => (UNUSUAL.test(name) ? walk(tokens, name) : regexp.test(name))
}

/** The token in picomatch's own writing, with everything escaped that might be special to it. */
function written(token: Token): string {
  switch (token.kind) {
    case 'character':
      return escaped(token.value)
    case 'one':
      return '?'
    case 'star':
      return '*'
    case 'globstar':
      return '**'
    case 'parts':
      return '**/'
    case 'class':
      return `[${token.negated ? '^' : ''}${token.ranges.map(writtenRange).join('')}]`
  }
}

function writtenRange([from, to]: readonly [number, number]): string {
  const first = escaped(String.fromCharCode(from))
  return from === to ? first : `${first}-${escaped(String.fromCharCode(to))}`
}

function escaped(character: string): string {
  return /[a-zA-Z0-9/_\u0080-\uffff]/.test(character) ? character : `\\${character}`
}

/** Follows all ways through the pattern at once, so time is at most pattern times name, whatever the stars. */
function walk(tokens: readonly Token[], name: string): boolean {
  let reached: readonly number[] = [0]
  for (const token of tokens) {
    reached = step(token, name, reached)
    if (reached.length === 0) return false
  }
  return reached.at(-1) === name.length
}

/** The positions after `token`, ascending and each once, from the ascending positions before it. */
function step(token: Token, name: string, before: readonly number[]): readonly number[] {
  const first = before[0] ?? 0
  if (token.kind === 'globstar') return positions(first, name.length)
  if (token.kind === 'parts') {
    return merged(
      before,
      positions(first + 1, name.length).filter((at) => name[at - 1] === '/'),
    )
  }
  if (token.kind === 'star') {
    const after: number[] = []
    for (const at of before) {
      for (let end = Math.max(at, (after.at(-1) ?? -1) + 1); end <= name.length; end += 1) {
        if (name.slice(at, end).includes('/')) break
        after.push(end)
      }
    }
    return after
  }
  return before.filter((at) => at < name.length && accepts(token, name, at)).map((at) => at + 1)
}

function accepts(token: Exclude<Token, { kind: 'star' | 'globstar' | 'parts' }>, name: string, at: number): boolean {
  if (token.kind === 'character') return name[at] === token.value
  return name[at] !== '/' && (token.kind === 'one' || inClass(token, name.charCodeAt(at)))
}

function inClass(token: CharacterClass, code: number): boolean {
  return token.ranges.some(([from, to]) => code >= from && code <= to) !== token.negated
}

function positions(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}

function merged(left: readonly number[], right: readonly number[]): readonly number[] {
  return [...new Set([...left, ...right])].sort((a, b) => a - b)
}

/** The name that the tokens spell, where they are only characters. */
function literal(tokens: readonly Token[]): string | undefined {
  let name = ''
  for (const token of tokens) {
    if (token.kind !== 'character') return undefined
    name += token.value
  }
  return name
}
