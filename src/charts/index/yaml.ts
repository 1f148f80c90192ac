/** An index in YAML, line by line: of its regular shape only the lines that count are looked at, so that 100 MB take seconds. */

import { IntegrityError } from '../../core/errors.ts'
import { isMapValue, isScalarValue, parseYaml, type Scalar, stringOf, type Value } from '../chart/go-yaml.ts'
import { entryOf, WANTED } from './entry.ts'
import type { IndexBuilder } from './index.ts'

/** What no line of the regular shape is: the whole must be read by a library, if it is small enough. */
export class Irregular extends IntegrityError {}

/** Lines of one entry's fields that are kept. */
const LONGEST_FIELD = 64 * 1024

type Part = 'top' | 'entries' | 'serverInfo' | 'other'

export class YamlIndex {
  readonly #builder: IndexBuilder
  #part: Part = 'top'
  /** Of the charts' names. */
  #chartIndent = -1
  #chart: string | undefined
  /** Of the `-` before an entry. */
  #dashIndent = -1
  /** Of an entry's fields; 0 where the next line tells. */
  #fieldIndent = -1
  #fields: Map<string, string> | undefined
  #field: string | undefined

  constructor(builder: IndexBuilder) {
    this.#builder = builder
  }

  line(text: string): void {
    let indent = 0
    while (text.charCodeAt(indent) === SPACE) indent += 1
    // Nearly all lines are of fields that do not count, or of what is below them.
    if (this.#field === undefined && this.#fieldIndent > 0 && indent > this.#fieldIndent) return
    const first = text.charCodeAt(indent)
    if (Number.isNaN(first) || first === CARRIAGE_RETURN) {
      if (this.#field !== undefined) this.#append('')
      return
    }
    const line = text.charCodeAt(text.length - 1) === CARRIAGE_RETURN ? text.slice(0, -1) : text
    if (
      this.#fieldIndent > 0 &&
      (indent > this.#fieldIndent || (indent === this.#fieldIndent && isDash(line, indent)))
    ) {
      if (this.#field !== undefined) this.#append(line)
      return
    }
    if (first === HASH || (first === TAB && line.trim() === '')) return
    if (indent === 0 && !isDash(line, 0)) this.#top(line)
    else if (this.#part === 'entries') this.#inEntries(line, indent)
    else if (this.#part === 'serverInfo') this.#inServerInfo(line)
    else if (this.#part === 'top') throw new Irregular('the index is not a mapping')
  }

  end(): void {
    this.#endEntry()
  }

  #top(line: string): void {
    this.#endEntry()
    this.#chart = undefined
    this.#chartIndent = -1
    if (line.startsWith('---') || line.startsWith('%') || line === '...') return
    const found = keyOf(line)
    if (!found) throw new Irregular('the index is not a mapping')
    const { key, rest } = found
    this.#part = key === 'entries' || key === 'serverInfo' ? key : 'other'
    if (key === 'apiVersion') this.#builder.hasVersion = true
    if (key === 'entries' && rest !== '' && !/^(?:\{\s*\}|null|~)$/.test(rest))
      throw new Irregular('entries in one line')
  }

  #inServerInfo(line: string): void {
    const found = keyOf(line.trimStart())
    const value = found?.key === 'contextPath' ? simple(found.rest) : undefined
    if (value) this.#builder.context(value.text)
  }

  #inEntries(line: string, indent: number): void {
    if (isDash(line, indent)) {
      if (this.#chart === undefined || indent < this.#chartIndent) throw new Irregular('a list without a chart')
      this.#endEntry()
      this.#dashIndent = indent
      this.#fields = new Map()
      const rest = line.slice(indent + 1)
      const content = rest.trimStart()
      this.#fieldIndent = content === '' ? 0 : indent + 1 + rest.length - content.length
      if (content === '' || content.startsWith('#')) this.#fieldIndent = 0
      else if (/^(?:null|~)$/.test(content)) this.#fields = undefined
      else this.#startField(content)
      return
    }
    if (this.#fieldIndent === 0 && indent > this.#dashIndent) this.#fieldIndent = indent
    if (indent === this.#fieldIndent && this.#fields) {
      this.#startField(line.slice(indent))
      return
    }
    this.#endEntry()
    if (this.#chartIndent < 0) this.#chartIndent = indent
    if (indent !== this.#chartIndent) throw new Irregular('an indentation that means nothing')
    const found = keyOf(line.slice(indent))
    if (!found || !/^(?:\[\s*\]|null|~)?$/.test(found.rest)) throw new Irregular('a chart that is not a list')
    this.#chart = found.key
    this.#builder.chart(found.key)
  }

  #startField(content: string): void {
    const found = keyOf(content)
    if (!found) throw new Irregular('an entry that is not a mapping')
    if (found.key === '<<' || found.rest.startsWith('*') || found.rest.startsWith('&')) throw new Irregular('an alias')
    this.#field = WANTED.has(found.key) ? found.key : undefined
    if (this.#field !== undefined) this.#fields?.set(this.#field, found.rest)
  }

  #append(line: string): void {
    const before = this.#fields?.get(this.#field ?? '') ?? ''
    if (before.length > LONGEST_FIELD) return
    this.#fields?.set(this.#field ?? '', `${before}\n${line}`)
  }

  #endEntry(): void {
    const fields = this.#fields
    this.#fields = undefined
    this.#field = undefined
    this.#fieldIndent = -1
    this.#dashIndent = -1
    if (!fields || this.#chart === undefined) return
    const read = new Map<string, Value>()
    for (const [key, text] of fields) {
      const value = simple(text) ?? list(text) ?? belowKey(text)
      if (value) read.set(key, value)
    }
    this.#builder.add(this.#chart, entryOf(read))
  }
}

const SPACE = 0x20
const TAB = 0x09
const CARRIAGE_RETURN = 0x0d
const HASH = 0x23
const DASH = 0x2d

function isDash(line: string, at: number): boolean {
  if (line.charCodeAt(at) !== DASH) return false
  return line.length === at + 1 || line.charCodeAt(at + 1) === SPACE
}

const KEY =
  /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"'[\]{}&*!|>%@`#,?-](?:[^:#]|:(?!\s|$)|(?<!\s)#)*?|<<|-[^\s:]*))\s*:(?:\s+(.*))?$/

function keyOf(line: string): { readonly key: string; readonly rest: string } | undefined {
  // The regular expression of keys is for the rare ones.
  const colon = line.indexOf(':')
  const plain = line.slice(0, colon)
  if (
    colon > 0 &&
    /^[A-Za-z_][\w.-]*$/.test(plain) &&
    (line.length === colon + 1 || line.charCodeAt(colon + 1) === SPACE)
  ) {
    return { key: plain, rest: uncommented(line.slice(colon + 1).trim()) }
  }
  const match = KEY.exec(line)
  if (!match) return undefined
  const [, double, single, bare, rest = ''] = match
  const key = double === undefined ? (single?.replaceAll("''", "'") ?? bare ?? '') : unescaped(double)
  return key === undefined ? undefined : { key, rest: uncommented(rest.trim()) }
}

function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    return undefined
  }
}

function uncommented(text: string): string {
  if (text.startsWith('#')) return ''
  if (/^["']/.test(text)) return text.replace(/^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s+#.*$/, '$1')
  return text.replace(/\s+#.*$/, '')
}

/** A scalar in one line that needs no library. */
function simple(text: string): Scalar | undefined {
  if (text.includes('\n')) {
    // What follows may be nothing but empty lines.
    if (text.slice(text.indexOf('\n')).trim() !== '') return undefined
    return simple(text.slice(0, text.indexOf('\n')))
  }
  const first = text[0] ?? ''
  if (first === '"') return /^"[^"\\]*"$/.test(text) ? { text: text.slice(1, -1), plain: false } : undefined
  if (first === "'") return /^'[^']*'$/.test(text) ? { text: text.slice(1, -1), plain: false } : undefined
  if ('[]{}&*!|>%@`,?'.includes(first) && first !== '') return undefined
  return / #|: |:$/.test(text) ? undefined : { text, plain: true }
}

/** A list of such scalars, one a line. */
function list(text: string): readonly Scalar[] | undefined {
  if (!text.startsWith('\n')) return undefined
  const items: Scalar[] = []
  for (const line of text.split('\n')) {
    const trimmed = line.trim()
    if (trimmed === '') continue
    const item = trimmed.startsWith('- ') ? simple(trimmed.slice(2).trim()) : undefined
    if (!item) return undefined
    items.push(item)
  }
  return items
}

/** Anything else, by the library. */
function belowKey(text: string): Value | undefined {
  const value = parseYaml(`field: ${text}`, 'an entry of the index')
  return isMapValue(value) ? value.get('field') : undefined
}

/** A whole index by the library, for whatever is not regular. */
export function wholeYaml(text: string, builder: IndexBuilder): void {
  const root = parseYaml(text, 'the index')
  if (!isMapValue(root)) throw new IntegrityError('the index is not a mapping')
  if (root.has('apiVersion')) builder.hasVersion = true
  const server = root.get('serverInfo')
  const context = server && isMapValue(server) ? server.get('contextPath') : undefined
  if (context && isScalarValue(context)) builder.context(stringOf(context) ?? '')
  const entries = root.get('entries')
  if (!entries || !isMapValue(entries)) return
  for (const [chart, versions] of entries) {
    builder.chart(chart)
    if (!Array.isArray(versions)) continue
    for (const version of versions) if (isMapValue(version)) builder.add(chart, entryOf(version))
  }
}
