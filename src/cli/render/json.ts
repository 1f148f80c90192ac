/** What `--json` prints: one document, or one object a line. */

// JSON leaves these as they are, and a terminal would obey them.
const C1 = /[\u007f-\u009f\u2028\u2029]/g

/** One object on one line. */
export function jsonLine(value: unknown): string {
  return `${escapeC1(JSON.stringify(value))}\n`
}

/** One document, indented. */
export function jsonDocument(value: unknown): string {
  return `${escapeC1(JSON.stringify(value, null, 2))}\n`
}

function escapeC1(text: string): string {
  return text.replace(C1, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
