/** Tells the kinds of values of YAML and JSON apart. */

export type Mapping = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

export function isMapping(value: unknown): value is Mapping {
  return isObject(value) && !Array.isArray(value)
}
