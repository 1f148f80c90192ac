/** Names that a registry lists, for a question to offer. */

import { nearest } from '../../../config/suggest.ts'
import { CancelledError, ReplicateError } from '../../../core/errors.ts'
import { compilePattern, PatternError } from '../../../core/pattern.ts'
import { isRepositoryName, namespaceOf } from '../../../core/reference.ts'
import { drafted } from '../../commands/policies/draft.ts'
import { statusLine } from '../../commands/policies/preview.ts'
import { refuseUnset } from '../../commands/registries/desk.ts'
import { policyOf } from '../../selection.ts'
import { type Answers, draftOf, type Table } from './answers.ts'

export interface Listed {
  readonly names: readonly string[]
  /** False where there are more, or where the time was over. */
  readonly complete: boolean
  /** There are repositories, and none of them is in a namespace. */
  readonly flat?: boolean
}

/** Milliseconds that a list may take. */
const PATIENCE = 15_000
const MOST_NAMESPACES = 200
const MOST_REPOSITORIES = 2_000

/** Undefined where the registry does not list them. */
export async function namespacesAt(table: Table, answers: Answers, registry: string): Promise<Listed | undefined> {
  const { configuration, app } = table
  const own = await gathered(table, registry, MOST_NAMESPACES, async (ctx) => {
    refuseUnset(configuration.registryOf(registry))
    return app.namespaces(registry, configuration, ctx)
  })
  if (own) return own
  const repositories = await repositoriesAt(table, answers, registry, [])
  if (!repositories) return undefined
  const names = new Set(repositories.names.flatMap((name) => namespaceOf(name) ?? []))
  return {
    names: [...names].slice(0, MOST_NAMESPACES),
    complete: repositories.complete && names.size <= MOST_NAMESPACES,
    flat: repositories.complete && repositories.names.length > 0 && names.size === 0,
  }
}

/** Of some namespaces, or of all. Undefined where the registry does not list them. */
export async function repositoriesAt(
  table: Table,
  answers: Answers,
  registry: string,
  namespaces: readonly string[],
): Promise<Listed | undefined> {
  return gathered(table, registry, MOST_REPOSITORIES, async (ctx) => {
    const { configuration } = await drafted(draftOf(table, answers), {
      ...answers.flags,
      source: answers.flags.source ?? registry,
    })
    refuseUnset(configuration.registryOf(registry))
    const { source: _, filters: __, ...policy } = policyOf(configuration, answers.name || 'draft')
    const source = { registry, ...(namespaces.length === 0 ? {} : { namespaces }) }
    const filters = { resource: 'all', untagged: false, platforms_index: 'sparse' } as const
    return table.app.repositories({ ...policy, source, filters }, configuration, ctx)
  })
}

type Ctx = Parameters<Table['app']['namespaces']>[2]

async function gathered(
  { session }: Table,
  registry: string,
  most: number,
  list: (ctx: Ctx) => Promise<AsyncIterable<string> | undefined>,
): Promise<Listed | undefined> {
  const late = AbortSignal.timeout(PATIENCE)
  const ctx = { signal: AbortSignal.any([session.signal, late]), emit: () => {} }
  const names = new Set<string>()
  const line = statusLine(session)
  line.show(`asking ${registry} …`)
  try {
    const listed = await list(ctx)
    if (!listed) return undefined
    for await (const name of listed) {
      if (names.size >= most) return { names: sorted(names), complete: false }
      // What is not a name could not be written into the file, and may be meant for the terminal.
      if (isRepositoryName(name)) names.add(name)
    }
    return { names: sorted(names), complete: true }
  } catch (error) {
    if (session.signal.aborted) throw error
    if (!late.aborted && (!(error instanceof ReplicateError) || error instanceof CancelledError)) throw error
    return names.size === 0 ? undefined : { names: sorted(names), complete: false }
  } finally {
    line.clear()
  }
}

function sorted(names: Iterable<string>): readonly string[] {
  return [...names].toSorted()
}

/** What a word that is not a pattern names although it is not in the list; undefined where all is well or the list is not known whole. */
export function unknownAmong(listed: Listed | undefined, words: readonly string[], what: string): string | undefined {
  if (!listed?.complete) return undefined
  for (const word of words) {
    const { literals, matches } = compiled(word)
    const missing = literals?.find((name) => !listed.names.includes(name))
    if (missing !== undefined) return `no ${what} is named ${missing} there${suggestion(missing, listed.names)}`
    if (!listed.names.some(matches)) return `no ${what} matches ${word} there; there are ${some(listed.names)}`
  }
  return undefined
}

function compiled(word: string): ReturnType<typeof compilePattern> {
  try {
    return compilePattern(word)
  } catch (error) {
    // What is malformed was refused before.
    if (error instanceof PatternError) return compilePattern('')
    throw error
  }
}

/** `; did you mean …?`, or what is there. */
export function suggestion(word: string, names: readonly string[]): string {
  const below = names.filter((name) => name.endsWith(`/${word}`))
  if (below.length > 0) return `; names are whole: ${some(below)}?`
  const meant = nearest(word, names)
  return meant === undefined ? `; there are ${some(names)}` : `; did you mean ${meant}?`
}

const SOME = 5

export function some(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const more = names.length > SOME ? ` and ${names.length - SOME} more` : ''
  return `${names.slice(0, SOME).join(', ')}${more}`
}
