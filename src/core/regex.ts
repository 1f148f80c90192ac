/** Regular expressions of names and tags, in RE2's syntax: time grows with the length of the name only, whatever the expression. */

import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js'
import { type Pattern, PatternError } from './pattern.ts'

/** Characters of an expression. */
const MAX_LENGTH = 4096

/** Reads an expression that must match a whole name. Throws a `PatternError` with the column where it is malformed. */
export function compileRegex(source: string): Pattern {
  if (source.length > MAX_LENGTH) throw new PatternError(`it is longer than ${MAX_LENGTH} characters`, MAX_LENGTH + 1)
  try {
    const compiled = RE2JS.compile(source)
    return { source, matches: (name) => compiled.testExact(name), literals: undefined }
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    const part = error instanceof RE2JSSyntaxException ? error.getPattern() : null
    const at = part === null ? -1 : source.indexOf(part)
    const message = error.message.replace(/^error parsing regexp: /, '')
    const said = part === source ? message.slice(0, message.lastIndexOf(': `')) : message
    throw new PatternError(said, Math.max(at, 0) + 1)
  }
}
