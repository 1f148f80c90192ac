/** What `--json` prints: one document, or one object a line. */

// JSON leaves these as they are, and a terminal would obey them.
const OBEYED = /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g

/** One object on one line. */
export function jsonLine(value: unknown): string {
  return `${escaped(JSON.stringify(value))}\n`
}

/** One document, indented. */
export function jsonDocument(value: unknown): string {
  return `${escaped(JSON.stringify(value, null, 2))}\n`
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
    const text = escaped(JSON.stringify(value, null, 2)).replaceAll('\n', `\n  ${outer}`)
    yield `${isEmpty ? '[' : ','}\n  ${outer}${text}`
    isEmpty = false
  }
  yield isEmpty ? '[]' : `\n${outer}]`
  yield within ? '\n}\n' : '\n'
}

/** What `jsonDocument` prints, in pieces. Lists may be any iterables; of a list within a list no more than one item is held at once. */
export function* jsonStream(value: unknown): Generator<string> {
  yield* nested(value, '', 0)
  yield '\n'
}

/** `indent`: of the value's own lines; `lists`: how many it stands in. */
function* nested(value: unknown, indent: string, lists: number): Generator<string> {
  if (typeof value !== 'object' || value === null || lists === 2) {
    yield escaped(JSON.stringify(value, null, 2)).replaceAll('\n', `\n${indent}`)
    return
  }
  const items = Symbol.iterator in value ? (value as Iterable<unknown>) : undefined
  const [open, close] = items ? ['[', ']'] : ['{', '}']
  let before = open
  for (const [name, item] of items ? numbered(items) : Object.entries(value)) {
    yield `${before}\n${indent}  ${items ? '' : `${JSON.stringify(name)}: `}`
    yield* nested(item, `${indent}  `, items ? lists + 1 : lists)
    before = ','
  }
  yield before === open ? `${open}${close}` : `\n${indent}${close}`
}

function* numbered(items: Iterable<unknown>): Generator<[string, unknown]> {
  for (const item of items) yield ['', item]
}

function escaped(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
