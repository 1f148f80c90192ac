/** Lines broken at words, for the width of a terminal. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const SEQUENCES = /\u001b\[[0-9;]*[A-Za-z]/g

/** In columns: escape sequences have none. */
export function visibleLength(text: string): number {
  return text.includes('\u001b') ? text.replace(SEQUENCES, '').length : text.length
}

/** The text with each line that is too long broken between words; what follows is indented. A word that is too long by itself stays whole:
 *  it may be a name to copy. */
export function wrapLines(text: string, columns: number): string {
  if (columns === Number.POSITIVE_INFINITY || text.length <= columns) return text
  return text
    .split('\n')
    .map((line) => (visibleLength(line) <= columns ? line : wrapLine(line, columns)))
    .join('\n')
}

function wrapLine(text: string, columns: number): string {
  const start = /^ */.exec(text)?.[0] ?? ''
  const indent = ' '.repeat(Math.min(Math.max(start.length, 2), Math.floor(columns / 2)))
  const lines: string[] = []
  let line = ''
  let length = 0
  for (const [, space = '', word = ''] of text.matchAll(/( *)([^ ]+)/g)) {
    const added = visibleLength(word)
    if (length > start.length && length + space.length + added > columns) {
      lines.push(line)
      line = indent + word
      length = indent.length + added
    } else {
      line += space + word
      length += space.length + added
    }
  }
  return [...lines, line].join('\n')
}
