/** A file's registries and policies, checked for their form but not yet for their meaning. */

import type { AdapterFacts } from '../core/adapter.ts'
import type { Problem } from '../core/errors.ts'
import { type Environment, interpolate } from './interpolate.ts'
import { isMapping } from './mapping.ts'
import { findingsOf } from './positions.ts'
import { configurationSchema, ONCE } from './schema.ts'
import {
  type ConfigurationFile,
  contentOf,
  type Finding,
  lineOf,
  parseSource,
  problemOf,
  type Source,
} from './source.ts'
import { refusals } from './untrusted.ts'

export interface Read {
  readonly source: Source
  readonly content: Sections
  readonly fallback: boolean
  readonly untrusted: boolean
}

export interface Sections {
  readonly registries: ReadonlyMap<string, unknown>
  readonly policies: ReadonlyMap<string, unknown>
  /** Absent where the file says nothing of it. */
  readonly serve?: unknown
  readonly workers?: unknown
}

/** What a fallback is asked for; the rest of it is not looked at. */
export interface Only {
  readonly registries: ReadonlySet<string>
  readonly workers: boolean
}

const NOTHING: Sections = { registries: new Map(), policies: new Map() }

/** Parses, interpolates and checks the form; of a fallback `only` some of it. */
export function readSections(
  file: ConfigurationFile,
  options: { readonly env: Environment; readonly cwd: string; readonly types: readonly AdapterFacts[] },
  only: Only | undefined,
  problems: Problem[],
  secrets: string[],
): Read {
  const { source, problems: syntax, readable } = parseSource(file, options.cwd)
  problems.push(...syntax)
  const about = { source, fallback: only !== undefined, untrusted: file.untrusted ?? false }
  const nothing = { ...about, content: NOTHING }
  if (!readable) return nothing
  const environment = interpolate(source, file.untrusted ? undefined : options.env)
  secrets.push(...environment.secrets)
  const findings: Finding[] = environment.findings.filter(({ path }) => concerns(path, only))
  const content = contentFor(source, only)
  if (content instanceof Error) {
    problems.push({ message: `not YAML: ${content.message}`, position: { file: source.shown, line: 1, column: 1 } })
    return nothing
  }
  const checked = configurationSchema.safeParse(content, { ...ONCE, reportInput: true })
  if (file.untrusted) findings.push(...refusals(content, options.types))
  if (!checked.success) findings.push(...findingsOf(checked.error.issues))
  problems.push(...findings.map((finding) => problemOf(source, finding)))
  const sections = {
    registries: section(content, 'registries', source),
    policies: section(content, 'policies', source),
    ...(isMapping(content) && content.serve !== undefined ? { serve: content.serve } : {}),
    ...(isMapping(content) && content.workers !== undefined ? { workers: content.workers } : {}),
  }
  return { ...about, content: sections }
}

function concerns(path: Finding['path'], only: Only | undefined): boolean {
  if (only === undefined) return true
  return path[0] === 'workers' ? only.workers : path[0] === 'registries' && only.registries.has(String(path[1]))
}

/** An empty section, such as one whose lines are all commented out, is as good as none. What begins with `x-` is the user's own place, such
 *  as for anchors. */
function contentFor(source: Source, only: Only | undefined): unknown {
  let content: unknown
  try {
    content = contentOf(source)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
  if (!isMapping(content)) return content
  const entries = Object.entries(content).filter(
    ([key, value]) => !key.startsWith('x-') && (value !== '' || !SECTIONS.has(key)),
  )
  if (only === undefined) return Object.fromEntries(entries)
  const { registries, workers } = Object.fromEntries(entries)
  return {
    ...(isMapping(registries)
      ? { registries: Object.fromEntries(Object.entries(registries).filter(([name]) => only.registries.has(name))) }
      : {}),
    ...(only.workers && workers !== undefined ? { workers } : {}),
  }
}

const SECTIONS: ReadonlySet<string> = new Set(['registries', 'policies', 'serve', 'workers'])

/** In the order of the file, which objects lose for names such as `1`. */
function section(content: unknown, key: 'registries' | 'policies', source: Source): ReadonlyMap<string, unknown> {
  const value = isMapping(content) ? Object.entries(content).find(([name]) => name === key)?.[1] : undefined
  if (!isMapping(value)) return new Map()
  const placed = Object.entries(value).map(([name, entry]) => ({ name, entry, line: lineOf(source, [key, name]) }))
  return new Map(placed.sort((a, b) => a.line - b.line).map(({ name, entry }) => [name, entry]))
}

/** Registries that policies name and no named file defines. */
export function missingNames(read: readonly Read[]): ReadonlySet<string> {
  const names = read.flatMap(({ content }) => [...content.policies.values()].flatMap(namesIn))
  return new Set(names.filter((name) => !read.some(({ content }) => content.registries.has(name))))
}

function namesIn(policy: unknown): readonly string[] {
  if (!isMapping(policy)) return []
  const sides = Object.entries(policy).filter(([key]) => key === 'source' || key === 'destination')
  return sides
    .flatMap(([, side]) => (Array.isArray(side) ? side : [side]))
    .flatMap((side: unknown) => {
      if (typeof side === 'string') return [side.split('/')[0] ?? '']
      if (!isMapping(side)) return []
      const registry = Object.entries(side).find(([key]) => key === 'registry')?.[1]
      return typeof registry === 'string' ? [registry] : []
    })
}
