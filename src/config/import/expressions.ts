/** Other tools' regular expressions, which are Go's and so RE2's, as expressions that match a whole name. */

import { PatternError } from '../../core/pattern.ts'
import { compileRegex } from '../../core/regex.ts'
import { type Draft, literal } from './draft.ts'
import type { Origin } from './foreign.ts'

/** An expression that its tool searches for anywhere in a name. */
export interface Searched {
  readonly expression: string
  readonly origin: Origin
}

/** Those that are valid; of the others it is noted that they are left out. */
export function wholeExpressions(draft: Draft, all: readonly Searched[]): readonly string[] {
  return all.flatMap(({ expression, origin }) => {
    const whole = wholeExpression(expression)
    try {
      compileRegex(whole)
    } catch (error) {
      if (!(error instanceof PatternError)) throw error
      const message = `\`${literal(expression)}\` is not a valid regular expression: ${literal(error.message)}`
      draft.leaveOut(origin, message, 'correct it, and import again')
      return []
    }
    return [literal(whole)]
  })
}

/** Anchors at both ends say what is implied here; at an end without one anything may stand. */
export function wholeExpression(expression: string): string {
  if (!isSequence(expression)) {
    const isQuoting = expression.lastIndexOf('\\Q') > expression.lastIndexOf('\\E')
    return `.*(?:${expression}${isQuoting ? '\\E' : ''}).*`
  }
  const [, from = '', inner = '', to = ''] = /^(\^?)(.*?)(\$?)$/s.exec(expression) ?? []
  const body = `${from === '' ? '.*' : ''}${inner}${to === '' ? '.*' : ''}`
  return body.replace(/^(\.\*){2,}/, '.*').replace(/(?<!\\)(\.\*){2,}$/, '.*')
}

/** As a tool compiles one that must match a whole line, without a group around it: `a|b` is what begins with `a` or ends in `b`. */
export function anchored(expression: string): string {
  return `${expression.startsWith('^') ? '' : '^'}${expression}${isAnchoredAtEnd(expression) ? '' : '$'}`
}

/** True where a choice stands outside all groups. */
export function hasBareChoice(expression: string): boolean {
  let depth = 0
  for (const character of expression.replaceAll(/\\.|\[\^?\]?(?:\\.|[^\]])*\]/gs, '')) {
    if (character === '(') depth += 1
    else if (character === ')') depth -= 1
    else if (character === '|' && depth <= 0) return true
  }
  return false
}

/** True where anchors at the ends hold for all of it, and a `$` at the end is one. */
function isSequence(expression: string): boolean {
  const isPlain = !/\\Q|\(\?[a-zA-Z-]+\)|^\^[*+?{]/.test(expression)
  return isPlain && !hasBareChoice(expression) && expression.endsWith('$') === isAnchoredAtEnd(expression)
}

function isAnchoredAtEnd(expression: string): boolean {
  return /(?:^|[^\\])(?:\\\\)*\$$/.test(expression)
}
