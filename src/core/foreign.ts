/** Text of strangers, bounded before anything is done with it. */

const LONGEST_NAME = 200
const DEEPEST = 100
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** A name that a stranger gave, short enough for a message, a log line or a regular expression. */
export function foreignName(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name
}

/** JSON of a stranger. Throws a `SyntaxError`, which does not quote it, for what is malformed or nested more than 100 deep: code that
 *  walks or writes the value later may recurse. */
export function parseJson(json: string | Uint8Array): unknown {
  const text = typeof json === 'string' ? json : textOf(json)
  if (isDeep(text)) throw new SyntaxError(`JSON nested more than ${DEEPEST} deep`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SyntaxError('not JSON', { cause })
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function isDeep(text: string): boolean {
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    // `[` and `{`; `]` and `}`.
    else if (code === 0x5b || code === 0x7b) depth += 1
    else if (code === 0x5d || code === 0x7d) depth -= 1
    if (depth > DEEPEST) return true
  }
  return false
}

/** Where the quote that closes the string stands; the end of the text where the string is never closed. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1
    if ((end - first) % 2 === 0) return end
  }
  return text.length
}
