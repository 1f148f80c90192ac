/** How every list is asked for: a page of it, in an order, narrowed. */

import { z } from 'zod'

/** Rows of a page. */
const MOST_ROWS = 100

export const page = z.coerce.number().int().min(1).max(1_000_000).default(1)
export const pageSize = z.coerce.number().int().min(1).max(MOST_ROWS).default(20)

/** A policy is named, or numbered as executions do. */
export const policyId = z
  .union([z.string().min(1).max(300), z.int().min(1)])
  .describe("The policy's name, or its number in the history, which executions have as `policy_id`")

/** `fields`: what `sort` may name. */
export function sortBy<const F extends readonly [string, ...string[]]>(fields: F, first: F[number] | `-${F[number]}`) {
  const names = [...fields, ...fields.map((field) => `-${field}`)] as [string, ...string[]]
  return z.enum(names).default(first).describe('A field; with `-` before it the largest comes first')
}

/** `q=status=failed,policy=mirror`: each of `fields` at most once, as its schema has it. */
export function queryOf<S extends z.ZodRawShape>(fields: S) {
  const names = Object.keys(fields).join(', ')
  return z
    .string()
    .max(1000)
    .default('')
    .describe(`Narrows the list, as \`NAME=VALUE,NAME=VALUE\`; the names are ${names}. A comma in a value is \`%2C\``)
    .transform((text, ctx): z.output<z.ZodObject<S>> => {
      const given: Record<string, string> = {}
      for (const part of text.split(',').filter((one) => one.trim() !== '')) {
        const at = part.indexOf('=')
        const name = part.slice(0, Math.max(0, at)).trim()
        if (at < 1 || Object.hasOwn(given, name) || !Object.hasOwn(fields, name)) {
          ctx.addIssue({ code: 'custom', message: `\`${part}\` is not NAME=VALUE with one of the names ${names}` })
          return z.NEVER
        }
        given[name] = decoded(part.slice(at + 1))
      }
      const parsed = z.object(fields).safeParse(given)
      if (parsed.success) return parsed.data
      for (const { message, path } of parsed.error.issues) {
        ctx.addIssue({ code: 'custom', message: `${path.join('.')}: ${message}` })
      }
      return z.NEVER
    })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
