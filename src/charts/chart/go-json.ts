/** JSON as Go writes it: digests are of its bytes. */

const ESCAPED = /[<>&\u2028\u2029]/g

/** Keys in the order of the object; what HTML would take for markup is escaped, and so are characters that are not text. */
export function goJson(value: unknown): Buffer {
  const text = JSON.stringify(value, (_, child: unknown) => (typeof child === 'string' ? child.toWellFormed() : child))
  return Buffer.from(text.replace(ESCAPED, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`))
}
