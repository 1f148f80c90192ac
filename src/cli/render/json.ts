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

/** What `jsonDocument` prints of a list, or of an object whose last field is the list, without having all of it at once. */
export function* jsonPieces(
  list: Iterable<unknown>,
  within?: { readonly fields: object; readonly name: string },
): Generator<string> {
  const outer = within === undefined ? '' : '  '
  if (within) yield `${jsonDocument(within.fields).slice(0, -'\n}\n'.length)},\n  "${within.name}": `
  let isEmpty = true
  for (const value of list) {
    const text = escapeC1(JSON.stringify(value, null, 2)).replaceAll('\n', `\n  ${outer}`)
    yield `${isEmpty ? '[' : ','}\n  ${outer}${text}`
    isEmpty = false
  }
  yield isEmpty ? '[]' : `\n${outer}]`
  yield within ? '\n}\n' : '\n'
}

function escapeC1(text: string): string {
  return text.replace(C1, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
