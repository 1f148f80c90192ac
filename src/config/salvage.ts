/** Checks an entry in spite of what is malformed in it, so that the rest of what is wrong is found in the same go. */

import type { z } from 'zod'
import { ONCE } from './schema.ts'

export interface Salvaged<T> {
  readonly data: T
  /** Nothing had to be left out. */
  readonly whole: boolean
}

/** The entry by its schema; where that fails without the malformed keys, of which others tell. Undefined where too little is left. */
export function salvage<T extends z.ZodType>(schema: T, entry: unknown): Salvaged<z.output<T>> | undefined {
  const parsed = schema.safeParse(entry, ONCE)
  if (parsed.success) return { data: parsed.data, whole: true }
  const rest = structuredClone(entry)
  for (const issue of parsed.error.issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined]
    for (const key of keys) remove(rest, key === undefined ? issue.path : [...issue.path, key])
  }
  const again = schema.safeParse(rest, ONCE)
  return again.success ? { data: again.data, whole: false } : undefined
}

/** Takes the key away at which `path` ends or enters a list; where it is what is missing, the mapping that should hold it. */
function remove(content: unknown, path: readonly PropertyKey[]): void {
  const [key, next, ...rest] = path
  if (key === undefined || typeof content !== 'object' || content === null) return
  const child: unknown = Reflect.get(content, key)
  const isLast = next === undefined || typeof next === 'number'
  if (isLast || (rest.length === 0 && isMapping(child) && !(next in child))) Reflect.deleteProperty(content, key)
  else remove(child, [next, ...rest])
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
