/** A file of another tool: parsed, checked for its form, and still knowing where everything stands in it. */

import type { z } from 'zod'
import { ConfigurationError, type Position, type Problem } from '../../core/errors.ts'
import { isMapping } from '../mapping.ts'
import { findingsOf } from '../positions.ts'
import { removeAt } from '../salvage.ts'
import { ONCE } from '../schema.ts'
import { type ConfigurationFile, contentOf, type Finding, parseSource, problemOf, type Source } from '../source.ts'

export type KeyPath = readonly (string | number)[]

/** A place in a file of another tool. */
export interface Origin {
  readonly source: Source
  readonly path: KeyPath
}

export interface Foreign<T> {
  readonly data: T
  readonly origin: Origin
  /** Keys that the format does not have. */
  readonly unknown: readonly KeyPath[]
}

export interface ForeignOptions {
  /** The format's name, as errors say it. */
  readonly format: string
  readonly cwd: string
  /** Whether a key without a value is as good as none; default true. */
  readonly dropEmpty?: boolean
  /** Keys that may stand there and mean nothing, such as those that only hold anchors. */
  readonly ignore?: RegExp
}

/** Reads YAML or JSON. All values arrive as text. Throws a `ConfigurationError` with the places of what is not of the format. */
export function readForeign<T extends z.ZodType>(
  file: ConfigurationFile,
  schema: T,
  options: ForeignOptions,
): Foreign<z.output<T>> {
  if (file.text.trim() === '') throw notOfFormat([{ message: 'it is empty' }], options.format)
  const { source, problems, readable } = parseSource(file, options.cwd)
  if (!readable || problems.length > 0) throw notOfFormat(problems.map(discreet), options.format)
  const content = contentFrom(source, options)
  const unknown = withoutUnknown(schema, content)
  const checked = schema.safeParse(content, { ...ONCE, reportInput: true })
  if (checked.success) return { data: checked.data, origin: { source, path: [] }, unknown }
  throw notOfFormat(
    findingsOf(checked.error.issues).map((finding) => placed(source, finding)),
    options.format,
  )
}

/** Takes the keys that the format does not have out of `content`, each where it stands; the result are their paths. */
function withoutUnknown(schema: z.ZodType, content: unknown): readonly KeyPath[] {
  const checked = schema.safeParse(content, ONCE)
  const paths = (checked.error?.issues ?? []).flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path.map(part), key]) : [],
  )
  for (const path of paths) removeAt(content, path)
  return paths
}

/** Where something stands in its file. */
export function positionOf({ source, path }: Origin, atKey = false): Position {
  const { position } = problemOf(source, { path, message: '', atKey })
  return position ?? { file: source.shown, line: 1, column: 1 }
}

export function below(origin: Origin, ...path: KeyPath): Origin {
  return { source: origin.source, path: [...origin.path, ...path] }
}

function contentFrom(source: Source, { dropEmpty = true, ignore, format }: ForeignOptions): unknown {
  try {
    const content = contentOf(source)
    const kept =
      ignore && isMapping(content)
        ? Object.fromEntries(Object.entries(content).filter(([key]) => !ignore.test(key)))
        : content
    return dropEmpty ? withoutEmpty(kept) : kept
  } catch (error) {
    const message = `not YAML: ${error instanceof Error ? error.message : String(error)}`
    throw notOfFormat([placed(source, { path: [], message })], format)
  }
}

/** `null` of JSON and YAML arrives as text, like everything. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (!isMapping(value)) return value
  const entries = Object.entries(value).filter(([, child]) => child !== '' && child !== 'null' && child !== '~')
  return Object.fromEntries(entries.map(([key, child]) => [key, withoutEmpty(child)]))
}

function part(key: PropertyKey): string | number {
  return typeof key === 'symbol' ? String(key) : key
}

/** Without the line itself: it may hold a secret under a key of the other tool. */
function placed(source: Source, finding: Finding): Problem {
  const { text: _, ...problem } = problemOf(source, finding)
  return problem
}

/** A parser quotes what it stumbled on. */
function discreet({ message, position }: Problem): Problem {
  const plain = message.replace(/(alias|tag|anchor)([^:]*): .*/is, '$1$2')
  return position ? { message: plain, position } : { message: plain }
}

function notOfFormat(problems: readonly Problem[], format: string): ConfigurationError {
  const said = problems.map((problem) => ({
    ...problem,
    message: `this is not a file of ${format}: ${problem.message}`,
  }))
  return new ConfigurationError(said.length > 0 ? said : `this is not a file of ${format}`)
}
