/** Turns the schema's issues into findings, with a suggestion for misspelt names. */

import type { z } from 'zod'
import { isObject } from './mapping.ts'
import { jsonSchema } from './schema.ts'
import type { Finding } from './source.ts'
import { didYouMean } from './suggest.ts'

type Issue = z.core.$ZodIssue
type Path = readonly (string | number)[]

/** One finding for each issue; for a value that may have several forms, only those of the form it has. */
export function findingsOf(issues: readonly Issue[], above: Path = []): readonly Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, [...above, ...issue.path.map(pathPart)]))
}

function findingsOfIssue(issue: Issue, path: Path): readonly Finding[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path))
    case 'invalid_union':
      return issue.input === undefined ? [missing(path)] : ofUnion(issue.errors, path)
    case 'invalid_key':
      return [
        {
          path,
          atKey: true,
          message: `\`${path.at(-1)}\` is not a valid name`,
          hint: 'letters, digits, `.`, `_` and `-` make a name',
        },
      ]
    case 'invalid_value':
      return [notOneOf(issue.values.map(String), issue.input, path)]
    case 'invalid_type':
      return [wrongType(issue.expected, issue.input, path)]
    default:
      return [{ path, message: `\`${path.findLast((part) => typeof part === 'string')}\`: ${issue.message}` }]
  }
}

function unknownKey(key: string, path: Path): Finding {
  return { path: [...path, key], atKey: true, message: `unknown key \`${key}\``, hint: unknownKeyHint(key, path) }
}

let schema: unknown

function unknownKeyHint(key: string, path: Path): string | undefined {
  schema ??= jsonSchema()
  const known = keysAt(schema, path)
  return didYouMean(key, known) ?? (known.length > 0 ? `the keys here are ${known.join(', ')}` : undefined)
}

/** The intended branch is the one whose issues are not about the type of the value itself. */
function ofUnion(branches: readonly (readonly Issue[])[], path: Path): readonly Finding[] {
  const meant = branches.filter(
    (issues) => !issues.some((issue) => issue.code === 'invalid_type' && issue.path.length === 0),
  )
  const first = meant[0]
  if (first) return findingsOf(first, path)
  const expected = branches.flatMap((issues) =>
    issues.flatMap((issue) => (issue.code === 'invalid_type' ? [kind(issue.expected)] : [])),
  )
  return [{ path, message: `\`${path.at(-1)}\` must be ${[...new Set(expected)].join(' or ')}` }]
}

function notOneOf(values: readonly string[], input: unknown, path: Path): Finding {
  const message = `\`${path.at(-1)}\` must be one of ${values.join(', ')}`
  return { path, message, hint: typeof input === 'string' ? didYouMean(input, values) : undefined }
}

function wrongType(expected: string, input: unknown, path: Path): Finding {
  const key = path.at(-1)
  if (input === undefined && key !== undefined) return missing(path)
  return { path, message: `${key === undefined ? 'the file' : `\`${key}\``} must be ${kind(expected)}` }
}

function missing(path: Path): Finding {
  return { path, atKey: true, message: `\`${path.at(-1)}\` is missing` }
}

function kind(expected: string): string {
  if (expected === 'string') return 'a single value'
  return expected === 'array' ? 'a list' : 'a mapping'
}

function pathPart(part: PropertyKey): string | number {
  return typeof part === 'symbol' ? String(part) : part
}

/** The keys that the JSON Schema allows at a path. */
function keysAt(schema: unknown, path: Path): readonly string[] {
  if (typeof schema !== 'object' || schema === null) return []
  if ('anyOf' in schema && Array.isArray(schema.anyOf)) return schema.anyOf.flatMap((branch) => keysAt(branch, path))
  const [first, ...rest] = path
  const properties = 'properties' in schema && isObject(schema.properties) ? schema.properties : undefined
  if (first === undefined) return Object.keys(properties ?? {})
  if (typeof first === 'number') return 'items' in schema ? keysAt(schema.items, rest) : []
  if (properties && first in properties)
    return keysAt(Object.entries(properties).find(([key]) => key === first)?.[1], rest)
  return 'additionalProperties' in schema ? keysAt(schema.additionalProperties, rest) : []
}
