/** An index in JSON, entry by entry, so that 100 MB of it are never in memory at once. */

import { IntegrityError } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import { entryOfJson } from './entry.ts'
import type { IndexBuilder } from './index.ts'

/** Of one entry, in characters. */
const LONGEST_ENTRY = 4 * 1024 * 1024
const DEEPEST = 100

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = new Set([0x5b, 0x7b])
const CLOSE = new Set([0x5d, 0x7d])
const COLON = 0x3a

export class JsonIndex {
  readonly #builder: IndexBuilder
  #depth = 0
  #inString = false
  #escaped = false
  /** What is being kept: an entry, a key or `serverInfo`. */
  #kept: string | undefined
  #key = ''
  #top = ''
  #chart: string | undefined

  constructor(builder: IndexBuilder) {
    this.#builder = builder
  }

  text(text: string): void {
    let start = 0
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at)
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (code === BACKSLASH) this.#escaped = true
        else if (code === QUOTE) {
          this.#inString = false
          if (this.#isKeyLevel()) {
            this.#keep(text.slice(start, at + 1))
            this.#key = this.#kept ?? ''
            this.#kept = undefined
          }
        }
        continue
      }
      if (code === QUOTE) {
        this.#inString = true
        if (this.#isKeyLevel()) {
          this.#kept = ''
          start = at
        }
      } else if (code === COLON) this.#colon()
      else if (OPEN.has(code)) {
        this.#depth += 1
        if (this.#depth > DEEPEST) throw new IntegrityError(`the index is nested more than ${DEEPEST} deep`)
        if (this.#isEntry(code)) {
          this.#kept = ''
          start = at
        }
      } else if (CLOSE.has(code)) {
        if (this.#isEntry(code - 2)) {
          this.#keep(text.slice(start, at + 1))
          this.#entry(this.#kept ?? '')
          this.#kept = undefined
        }
        this.#depth -= 1
      }
    }
    if (this.#kept !== undefined) this.#keep(text.slice(start))
  }

  end(): void {
    if (this.#depth !== 0 || this.#inString) throw new IntegrityError('the index is cut off')
  }

  #isKeyLevel(): boolean {
    return this.#depth === 1 || (this.#depth === 2 && this.#top === 'entries')
  }

  /** True at the bracket of an object that is kept. */
  #isEntry(open: number): boolean {
    if (open !== 0x7b) return false
    return (this.#depth === 4 && this.#top === 'entries') || (this.#depth === 2 && this.#top === 'serverInfo')
  }

  #keep(part: string): void {
    this.#kept = (this.#kept ?? '') + part
    if (this.#kept.length > LONGEST_ENTRY) throw new IntegrityError('the index has an entry that is too long')
  }

  #colon(): void {
    if (!this.#isKeyLevel()) return
    const key = String(parsed(this.#key))
    if (this.#depth === 1) {
      this.#top = key
      if (key === 'apiVersion') this.#builder.hasVersion = true
    } else {
      this.#chart = key
      this.#builder.chart(key)
    }
  }

  #entry(text: string): void {
    const value = parsed(text)
    if (this.#top !== 'serverInfo') {
      if (this.#chart !== undefined) this.#builder.add(this.#chart, entryOfJson(value))
      return
    }
    const path: unknown = Object(value).contextPath
    if (typeof path === 'string') this.#builder.context(path)
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw new IntegrityError('the index is malformed JSON', { cause })
  }
}
