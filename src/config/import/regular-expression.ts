/** Regular expressions in Go's syntax, read as alternatives of plain sequences of characters and repetitions. */

import { type Atom, anchored, type Item, one, simplified } from './atoms.ts'

export interface Expression {
  /** What matches from end to end; without alternatives nothing does. */
  readonly alternatives: readonly (readonly Atom[])[]
  /** False where the alternatives match more than the expression does. */
  readonly exact: boolean
}

/** Not a regular expression; the message says why. */
export class ExpressionError extends Error {}

/** Reads an expression that is searched for anywhere, as far as it has no `^` and `$`, in texts of the characters of `universe`. */
export function parseExpression(source: string, universe: ReadonlySet<string>): Expression {
  const parser = new Parser(source, universe)
  const parsed = parser.parse()
  const any: Atom = { set: universe, repeat: 'any' }
  const whole = parsed ?? [[any]]
  const alternatives = whole.flatMap((items) => {
    const atoms = anchored(items, any)?.filter(({ set, repeat }) => set.size > 0 || repeat !== 'any')
    // No name is empty, and an empty pattern would match all of them.
    return atoms && atoms.length > 0 && atoms.every(({ set }) => set.size > 0) ? [simplified(atoms)] : []
  })
  return { alternatives, exact: parser.exact && parsed !== undefined }
}

type Sequences = readonly (readonly Item[])[]

/** More alternatives than this are not spelled out. */
const MAX_ALTERNATIVES = 64
const MAX_LENGTH = 160

const DIGITS = '0123456789'
const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const UPPER = LOWER.toUpperCase()
const ESCAPED_SETS: Readonly<Record<string, string>> = { d: DIGITS, w: `${DIGITS}${LOWER}${UPPER}_`, s: '\t\n\f\r ' }
const NAMED_SETS: Readonly<Record<string, string>> = {
  digit: DIGITS,
  lower: LOWER,
  upper: UPPER,
  alpha: LOWER + UPPER,
  alnum: DIGITS + LOWER + UPPER,
  word: `${DIGITS}${LOWER}${UPPER}_`,
  xdigit: `${DIGITS}abcdefABCDEF`,
  punct: '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~',
  space: '\t\n\v\f\r ',
  blank: '\t ',
}

/** Reads and flattens in one go: every part is a list of alternatives. */
class Parser {
  readonly #source: string
  readonly #universe: ReadonlySet<string>
  #at = 0
  #depth = 0
  #anyCase = false
  exact = true

  constructor(source: string, universe: ReadonlySet<string>) {
    this.#source = source
    this.#universe = universe
  }

  /** Undefined where there are too many alternatives to spell out. */
  parse(): Sequences | undefined {
    const found = this.#choice()
    if (this.#at < this.#source.length) throw new ExpressionError('a `)` closes nothing')
    return found.length > MAX_ALTERNATIVES ? undefined : found
  }

  #choice(): Sequences {
    if (this.#depth > 50) throw new ExpressionError('it is nested too deeply')
    const anyCase = this.#anyCase
    this.#depth += 1
    const found = [...this.#sequence()]
    while (this.#take('|')) found.push(...this.#sequence())
    this.#depth -= 1
    this.#anyCase = anyCase
    return this.#limited(found)
  }

  #sequence(): Sequences {
    let found: Sequences = [[]]
    while (this.#at < this.#source.length && !this.#sees('|') && !this.#sees(')')) {
      found = this.#product(found, this.#repeated(this.#atom()))
    }
    return found
  }

  #atom(): Sequences {
    const character = this.#next()
    if (character === '(') return this.#group()
    if (character === '[') return [[one(this.#class())]]
    if (character === '.') return [[one(this.#universe)]]
    if (character === '^') return [['start']]
    if (character === '$') return [['end']]
    if (character === '\\') return this.#escape()
    if ('*+?'.includes(character)) throw new ExpressionError(`\`${character}\` repeats nothing`)
    return [[one(this.#within([character]))]]
  }

  #group(): Sequences {
    if (this.#take('?')) {
      const [header] = /^(?:P?<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?[:)])/.exec(this.#source.slice(this.#at)) ?? []
      if (header === undefined) throw new ExpressionError('`(?` begins no group that is known')
      this.#at += header.length
      const [on = '', off = ''] = header.split('-')
      const before = this.#anyCase
      if (!header.endsWith('>')) this.#anyCase = off.includes('i') ? false : on.includes('i') || this.#anyCase
      // Such a group holds nothing: it counts for the rest of the one around it, whose end takes it back.
      if (header.endsWith(')')) return [[]]
      const found = this.#choice()
      this.#anyCase = before
      return this.#closed(found)
    }
    return this.#closed(this.#choice())
  }

  #closed(found: Sequences): Sequences {
    if (!this.#take(')')) throw new ExpressionError('a `(` is never closed')
    return found
  }

  #escape(): Sequences {
    const character = this.#next('`\\` at the end escapes nothing')
    if (character === 'A') return [['start']]
    if (character === 'z') return [['end']]
    if (character === 'Q') {
      const end = this.#source.indexOf('\\E', this.#at)
      const quoted = this.#source.slice(this.#at, end < 0 ? undefined : end)
      this.#at = end < 0 ? this.#source.length : end + 2
      return [[...quoted].map((each) => one(this.#within([each])))]
    }
    if (character === 'b' || character === 'B') {
      this.exact = false
      return [[]]
    }
    return [[one(this.#escaped(character))]]
  }

  /** Of a character after a backslash, inside a class or not. */
  #escaped(character: string): ReadonlySet<string> {
    const known = ESCAPED_SETS[character.toLowerCase()]
    if (known !== undefined) {
      const set = this.#within(known)
      return character === character.toLowerCase() ? set : this.#without(set)
    }
    if (character === 'p' || character === 'P') {
      if (this.#take('{')) this.#at = this.#source.indexOf('}', this.#at) + 1 || this.#source.length
      else this.#next()
      this.exact = false
      return this.#universe
    }
    if (/[1-9]/.test(character)) throw new ExpressionError('back references are not known')
    if (character === 'x') {
      const [whole, braced, plain] = /^(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))/.exec(this.#source.slice(this.#at)) ?? []
      if (whole === undefined) throw new ExpressionError('`\\x` has no number')
      this.#at += whole.length
      return this.#within([String.fromCharCode(Number.parseInt(braced ?? plain ?? '', 16))])
    }
    // What is left are control characters, which no name has, and punctuation.
    return this.#within(/[a-zA-Z]/.test(character) ? [] : [character])
  }

  #class(): ReadonlySet<string> {
    const negated = this.#take('^')
    const found = new Set<string>()
    let first = true
    while (first || !this.#sees(']')) {
      if (this.#at >= this.#source.length) throw new ExpressionError('a `[` is never closed')
      for (const character of this.#member()) found.add(character)
      first = false
    }
    this.#at += 1
    return negated ? this.#without(found) : found
  }

  #member(): Iterable<string> {
    const [named, caret, name] = /^\[:(\^?)([a-z]+):\]/.exec(this.#source.slice(this.#at)) ?? []
    if (named !== undefined) {
      this.#at += named.length
      const set = this.#within(NAMED_SETS[name ?? ''] ?? '')
      return caret ? this.#without(set) : set
    }
    const from = this.#next()
    if (from === '\\') {
      const escaped = this.#next('a `[` is never closed')
      return /[a-zA-Z0-9]/.test(escaped) ? this.#escaped(escaped) : this.#range(escaped)
    }
    return this.#range(from)
  }

  #range(from: string): Iterable<string> {
    const rest = this.#source.slice(this.#at)
    const [whole, to] = /^-(\\?[^\]])/s.exec(rest) ?? []
    if (whole === undefined || to === undefined) return this.#within([from])
    this.#at += whole.length
    const last = to.at(-1) ?? ''
    if (last < from) throw new ExpressionError('a range ends before it begins')
    return this.#within([...this.#ascii()].filter((character) => character >= from && character <= last))
  }

  *#ascii(): Iterable<string> {
    for (let code = 0; code < 128; code += 1) yield String.fromCharCode(code)
  }

  #repeated(found: Sequences): Sequences {
    let result = found
    for (;;) {
      const [whole, least, comma, most] =
        /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.#source.slice(this.#at)) ?? []
      if (whole === undefined) return result
      this.#at += whole.length
      if (least !== undefined) {
        const min = Number(least)
        result = this.#times(result, min, comma === undefined ? min : most ? Number(most) : undefined)
      } else if (whole.startsWith('?')) result = this.#times(result, 0, 1)
      else result = this.#times(result, whole.startsWith('+') ? 1 : 0, undefined)
    }
  }

  #times(found: Sequences, min: number, max: number | undefined): Sequences {
    if (max !== undefined && max < min) throw new ExpressionError('a repetition ends before it begins')
    let fixed: Sequences = [[]]
    for (let count = 0; count < min - (max === undefined ? 1 : 0); count += 1) fixed = this.#product(fixed, found)
    if (max !== undefined) {
      const all = [...fixed]
      for (let count = min; count < max && all.length <= MAX_ALTERNATIVES; count += 1) {
        fixed = this.#product(fixed, found)
        all.push(...fixed)
      }
      return this.#limited(all)
    }
    const set = setOf(found)
    if (set) return this.#product(fixed, [[{ set, repeat: min > 0 ? 'some' : 'any' }]])
    this.exact = false
    const once = min > 0 ? this.#product(fixed, found) : fixed
    return this.#product(once, [[{ set: this.#universe, repeat: 'any' }]])
  }

  #product(left: Sequences, right: Sequences): Sequences {
    if (left.length * right.length > MAX_ALTERNATIVES) return this.#everything()
    const found = left.flatMap((head) => right.map((tail) => [...head, ...tail]))
    return found.some((items) => items.length > MAX_LENGTH) ? this.#everything() : found
  }

  #limited(found: Sequences): Sequences {
    return found.length > MAX_ALTERNATIVES ? this.#everything() : found
  }

  #everything(): Sequences {
    this.exact = false
    return [[{ set: this.#universe, repeat: 'any' }]]
  }

  #within(characters: Iterable<string>): ReadonlySet<string> {
    const found = new Set<string>()
    for (const character of characters) {
      const cases = this.#anyCase ? [character.toLowerCase(), character.toUpperCase()] : [character]
      for (const each of cases) if (this.#universe.has(each)) found.add(each)
    }
    return found
  }

  #without(set: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...this.#universe].filter((character) => !set.has(character)))
  }

  #sees(character: string): boolean {
    return this.#source[this.#at] === character
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false
    this.#at += 1
    return true
  }

  #next(otherwise = 'it ends too early'): string {
    const character = this.#source[this.#at]
    if (character === undefined) throw new ExpressionError(otherwise)
    this.#at += 1
    return character
  }
}

/** The one set that all alternatives together are, where each is a single character. */
function setOf(found: Sequences): ReadonlySet<string> | undefined {
  const all = new Set<string>()
  for (const [item, ...others] of found) {
    if (item === undefined || typeof item === 'string' || item.repeat !== 'one' || others.length > 0) return undefined
    for (const character of item.set) all.add(character)
  }
  return all
}
