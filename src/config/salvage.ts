/** Checks an entry in spite of what is malformed in it, so that one check finds everything that is wrong. */

import type { z } from 'zod'
import { isMapping } from './mapping.ts'
import { ONCE } from './schema.ts'

export interface Salvaged<T> {
  readonly data: T
  /** Nothing had to be left out. */
  readonly whole: boolean
}

/** The entry by its schema; if that fails, without the malformed keys, which others report. Undefined if too little is left. */
export function salvage<T extends z.ZodType>(schema: T, entry: unknown): Salvaged<z.output<T>> | undefined {
  const parsed = schema.safeParse(entry, ONCE)
  if (parsed.success) return { data: parsed.data, whole: true }
  const rest = structuredClone(entry)
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) removeAt(rest, [...issue.path, key])
    else removeMalformed(rest, issue.path)
  }
  const again = schema.safeParse(rest, ONCE)
  return again.success ? { data: again.data, whole: false } : undefined
}

/** Deletes the key at `path`, in lists too: the places of their elements stay. */
export function removeAt(content: unknown, path: readonly PropertyKey[]): void {
  const key = path.at(-1)
  const parent = path.slice(0, -1).reduce<unknown>(childOf, content)
  if (key !== undefined && typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, key)
}

/** Deletes the value at `path`. Inside a list the whole list is deleted; if the key itself is missing, its parent mapping. */
function removeMalformed(content: unknown, path: readonly PropertyKey[]): void {
  const list = path.findIndex((part) => typeof part === 'number')
  const whole = list < 0 ? path : path.slice(0, list)
  const parent = whole.slice(0, -1).reduce<unknown>(childOf, content)
  const key = whole.at(-1)
  const isMissing = whole.length > 1 && key !== undefined && isMapping(parent) && !(key in parent)
  removeAt(content, isMissing ? whole.slice(0, -1) : whole)
}

function childOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}
