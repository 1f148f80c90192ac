/** The kinds of values in the configuration. They all arrive as text, so that `tag: 3.20` stays what was written. */

import { z } from 'zod'
import { parseDuration } from './duration.ts'
import { parseRate } from './size.ts'

/** Text turned into a value by `parse`; `expected` completes "expected …". `json` is what editors are told. */
function parsed<T>(parse: (text: string) => T | undefined, expected: string, json: Record<string, unknown>) {
  return z
    .string()
    .transform((text, ctx): T => {
      const value = parse(text)
      if (value !== undefined) return value
      ctx.addIssue({ code: 'custom', message: `\`${text}\` is not ${expected}` })
      return z.NEVER
    })
    .meta(json)
}

export function flag(description: string, fallback: boolean) {
  return either(description, { default: fallback }).default(fallback)
}

/** `true` or `false`, and absent means neither. */
export function either(description: string, more: Readonly<Record<string, unknown>> = {}) {
  const read = (text: string): boolean | undefined => (text === 'true' ? true : text === 'false' ? false : undefined)
  return parsed(read, '`true` or `false`', { description, type: 'boolean', ...more })
}

/** A whole number from `min` to `max`. */
export function count(description: string, min: number, max = Number.MAX_SAFE_INTEGER) {
  const range =
    max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`
  const read = (text: string): number | undefined => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max ? value : undefined
  }
  return parsed(read, range, { description, type: 'integer', minimum: min })
}

/** Requests and the like, which may be fractions: `0.5`. */
export function amount(description: string) {
  const read = (text: string): number | undefined =>
    /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 ? Number(text) : undefined
  return parsed(read, 'a number above 0', { description, type: 'number', exclusiveMinimum: 0 })
}

/** In milliseconds. */
export function duration(description: string) {
  return parsed(parseDuration, 'a duration such as `30s`, `5m`, `2h` or `90d`', {
    description,
    examples: ['30s', '5m', '90d'],
  })
}

/** In bytes a second. */
export function rate(description: string) {
  const read = (text: string): number | undefined => parseRate(text) || undefined
  return parsed(read, 'a rate such as `50MiB/s`', { description, examples: ['50MiB/s'] })
}

/** `10%` as it stands, or a whole number. */
export function share(description: string) {
  const read = (text: string): number | `${number}%` | undefined => {
    if (/^\d{1,9}$/.test(text)) return Number(text)
    const value = /^\d+(\.\d+)?%$/.test(text) ? Number.parseFloat(text) : Number.NaN
    return value <= 100 ? `${value}%` : undefined
  }
  return parsed(read, 'a percentage such as `10%`, or a whole number', {
    description,
    type: ['string', 'integer'],
    examples: ['10%', 20],
  })
}

export function text(description: string) {
  return z.string().meta({ description })
}

/** Text that may not be empty. */
export function filled(description: string) {
  return z.string().min(1, 'it is empty').meta({ description })
}

/** Text of one form; `expected` completes "is not …". */
export function formed(description: string, form: RegExp, expected: string) {
  const read = (text: string): string | undefined => (form.test(text) ? text : undefined)
  return parsed(read, expected, { description, pattern: form.source })
}

export function choice<const T extends readonly [string, ...string[]]>(description: string, values: T) {
  return z.enum(values).meta({ description })
}

/** One value or a list of them. */
export function list<T extends z.ZodType>(description: string, element: T) {
  return z
    .union([element.transform((value) => [value]), z.array(element)])
    .transform((values): z.output<T>[] => values)
    .meta({ description })
}

export function mapping<T extends z.ZodRawShape>(shape: T, description: string) {
  return z.strictObject(shape).meta({ description })
}
