/** HTML from templates that escape whatever is put into them. */

import { printable } from './format.ts'

/** Markup that is safe as it stands. */
export interface Html {
  readonly html: string
}

type Part = string | number | Html | readonly Html[] | undefined

/** A template: text and numbers are escaped, `Html` stays, `undefined` is nothing. Values may stand in text and in quoted attributes. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.map((text, index) => text + markup(parts[index])).join('') }
}

/** Our own style sheets and scripts, never anything from outside. */
export function verbatim(text: string): Html {
  return { html: text }
}

/** JSON inside of a `<script>`: nothing in it can end the element. */
export function jsonData(value: unknown): Html {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === 'string' ? printable(part) : part))
  return { html: text.replaceAll('<', '\\u003c') }
}

function markup(part: Part): string {
  if (part === undefined) return ''
  if (typeof part === 'object') return 'html' in part ? part.html : part.map((one) => one.html).join('')
  return escapeHtml(String(part))
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
