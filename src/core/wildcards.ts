/** Reads a pattern into its alternatives: braces spelled out, every character's meaning decided once. */

/** One position of a pattern. `star` stops at `/`, `globstar` does not, `parts` is a whole `**` part with its slash: none or more. */
export type Token =
  | { readonly kind: 'character'; readonly value: string }
  | { readonly kind: 'one' }
  | { readonly kind: 'star' }
  | { readonly kind: 'globstar'; readonly whole: boolean }
  | { readonly kind: 'parts' }
  | CharacterClass

/** Never matches `/`. Ranges are inclusive character codes. */
export interface CharacterClass {
  readonly kind: 'class'
  readonly negated: boolean
  readonly ranges: readonly (readonly [number, number])[]
}

/** A pattern that cannot be read, or that can match nothing; `column` is 1-based within the pattern. */
export class PatternError extends Error {
  readonly column: number
  readonly hint: string | undefined
  constructor(message: string, column: number, hint?: string) {
    super(message)
    this.name = 'PatternError'
    this.column = column
    this.hint = hint
  }
}

const MAX_ALTERNATIVES = 4096
const MAX_DEPTH = 32
const SLASH = 47

/** The alternatives of `source`, each a sequence of tokens. Throws a `PatternError`. */
export function parsePattern(source: string): readonly (readonly Token[])[] {
  return new Parser(source).parse().map(joinStars).map(joinParts)
}

/** Characters that no name of this kind has; a tag's `+` is that of a chart's version. */
const FOREIGN = { tag: /[:/\s]/, name: /[:@\s]/ } as const

/** Throws a `PatternError` for a pattern that asks for a character which no tag, or no repository, has: it would match nothing, silently.
 *  What stands behind the `@` of a tag is a digest. */
export function refuseForeign(pattern: string, of: keyof typeof FOREIGN): void {
  const [named = ''] = of === 'tag' ? pattern.split('@') : [pattern]
  for (const token of parsePattern(named).flat()) {
    if (token.kind !== 'character' || !FOREIGN[of].test(token.value)) continue
    const what = of === 'tag' ? 'a tag' : 'the name of a repository'
    throw new PatternError(`${what} has no \`${token.value}\``, pattern.indexOf(token.value) + 1, APART)
  }
}

const APART = 'write the repository and its tags apart: `name: library/redis` and `tag: 7.*`'

class Parser {
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  parse(): Token[][] {
    const alternatives = this.#sequence()
    const rest = this.#source[this.#at]
    if (rest !== undefined) throw new PatternError(`\`${rest}\` closes nothing; write \`\\${rest}\``, this.#at + 1)
    return alternatives
  }

  /** Up to the end, a `}`, or, inside braces, a `,`. */
  #sequence(): Token[][] {
    let alternatives: Token[][] = [[]]
    for (;;) {
      const character = this.#source[this.#at]
      if (character === undefined || character === '}' || character === ']') return alternatives
      if (character === ',' && this.#depth > 0) return alternatives
      const column = this.#at + 1
      if (character === '{') {
        alternatives = product(alternatives, this.#braces(), column)
      } else {
        const token = this.#token(character)
        for (const alternative of alternatives) alternative.push(token)
      }
    }
  }

  #braces(): Token[][] {
    const column = this.#at + 1
    if (this.#depth === MAX_DEPTH) throw new PatternError('braces are nested too deeply', column)
    const found: Token[][] = []
    this.#depth += 1
    do {
      this.#at += 1
      found.push(...this.#sequence())
      if (found.length > MAX_ALTERNATIVES) throw tooMany(column)
    } while (this.#source[this.#at] === ',')
    this.#depth -= 1
    if (this.#source[this.#at] === undefined) throw new PatternError('`{` is never closed', column)
    if (this.#source[this.#at] === ']') throw new PatternError('`]` closes nothing; write `\\]`', this.#at + 1)
    this.#at += 1
    return found
  }

  #token(character: string): Token {
    if (character === '[') return this.#class()
    if (character === '\\') return { kind: 'character', value: this.#escaped() }
    if (character === '*') return this.#stars()
    this.#at += 1
    return character === '?' ? { kind: 'one' } : { kind: 'character', value: character }
  }

  #stars(): Token {
    const start = this.#at
    while (this.#source[this.#at] === '*') this.#at += 1
    return this.#at - start === 1 ? { kind: 'star' } : { kind: 'globstar', whole: false }
  }

  #escaped(): string {
    const value = this.#source[this.#at + 1]
    if (value === undefined) throw new PatternError('`\\` at the end escapes nothing', this.#at + 1)
    this.#at += 2
    return value
  }

  #class(): CharacterClass {
    const column = this.#at + 1
    this.#at += 1
    const negated = this.#source[this.#at] === '^'
    if (negated) this.#at += 1
    const ranges: [number, number][] = []
    while (this.#source[this.#at] !== ']') {
      const start = this.#at + 1
      const from = this.#member(column)
      const ranged = this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']'
      if (ranged) this.#at += 1
      const to = ranged ? this.#member(column) : from
      if (to < from) throw new PatternError('the range ends before it begins', start)
      ranges.push(...withoutSlash(from, to))
    }
    this.#at += 1
    if (ranges.length === 0) throw new PatternError('the class is empty', column)
    return { kind: 'class', negated, ranges }
  }

  #member(column: number): number {
    const character = this.#source[this.#at]
    if (character === undefined) throw new PatternError('`[` is never closed', column)
    const at = this.#at
    const value = character === '\\' ? this.#escaped() : character
    if (value === '/') throw new PatternError('a class cannot hold `/`', at + 1)
    if (this.#at === at) this.#at += 1
    return value.charCodeAt(0)
  }
}

function withoutSlash(from: number, to: number): [number, number][] {
  if (from > SLASH || to < SLASH) return [[from, to]]
  const around: [number, number][] = [
    [from, SLASH - 1],
    [SLASH + 1, to],
  ]
  return around.filter(([first, last]) => first <= last)
}

function product(left: readonly Token[][], right: readonly Token[][], column: number): Token[][] {
  if (left.length * right.length > MAX_ALTERNATIVES) throw tooMany(column)
  return left.flatMap((head) => right.map((tail) => [...head, ...tail]))
}

function tooMany(column: number): PatternError {
  return new PatternError(`the braces spell out more than ${MAX_ALTERNATIVES} alternatives`, column)
}

/** Stars that met when the braces were spelled out mean what they mean when written together. */
function joinStars(tokens: readonly Token[]): readonly Token[] {
  const joined: Token[] = []
  for (const token of tokens) {
    if (isStar(token) && isStar(joined.at(-1))) joined[joined.length - 1] = { kind: 'globstar', whole: false }
    else joined.push(token)
  }
  return joined
}

/** Decides which `**` is a whole path part, which only shows once the braces are gone, and lets it swallow its slash. */
function joinParts(tokens: readonly Token[]): readonly Token[] {
  const joined: Token[] = []
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index]
    if (!token) break
    const starts = index === 0 || isSlash(tokens[index - 1])
    const next = tokens[index + 1]
    if (token.kind === 'globstar' && starts && isSlash(next)) {
      joined.push({ kind: 'parts' })
      index += 1
    } else if (token.kind === 'globstar') {
      joined.push({ kind: 'globstar', whole: starts && next === undefined })
    } else {
      joined.push(token)
    }
  }
  return joined
}

function isStar(token: Token | undefined): boolean {
  return token?.kind === 'star' || token?.kind === 'globstar'
}

function isSlash(token: Token | undefined): boolean {
  return token?.kind === 'character' && token.value === '/'
}
