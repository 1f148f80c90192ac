/** The policies for one repository that goes to one place. */

import type { Draft, EntryPath, Plain, PlainMapping } from './draft.ts'
import type { Origin } from './foreign.ts'
import { landing } from './landing.ts'

/** A repository of a registry, whose name is as policies write it. */
export interface Side {
  readonly registry: string
  readonly path: string
}

/** What is taken of a repository, or of a registry's repositories. */
export interface Pick {
  readonly names?: readonly string[]
  readonly excludeNames?: readonly string[]
  readonly tags?: readonly string[]
  readonly excludeTags?: readonly string[]
  readonly semver?: string
  readonly newest?: number
  readonly digest?: string
}

export interface Copies {
  readonly origin: Origin
  readonly name: string
  readonly from: Side
  readonly to: Side
  readonly picks: readonly Pick[]
  /** Filters besides those of the picks. */
  readonly filters?: PlainMapping
  /** The rest of each policy. */
  readonly body: PlainMapping
}

/** A policy for each pick; the results are their paths. None where a repository would get another name: that is left to `copy`. */
export function addCopies(
  draft: Draft,
  { origin, name, from, to, picks, filters, body }: Copies,
): readonly EntryPath[] {
  const place = landing(from.path, to.path)
  if (!place) {
    const message = `${from.path} would become ${to.path}, which a policy cannot do`
    draft.leaveOut(origin, message, `use: ${copyCommand(draft, from, to, picks)}`)
    return []
  }
  return picks.map((pick) => {
    const path = `${from.registry}/${from.path}`
    const [only, ...others] = pick.tags ?? []
    const isOne = only !== undefined && others.length === 0 && /^[\w.-]+$/.test(only)
    const end = pick.digest === undefined ? (isOne ? `:${only}` : '') : `@${pick.digest}`
    const { tags: _, ...rest } = pick
    const policy = {
      source: `${path}${end}`,
      destination: destinationOf(to.registry, place),
      ...withFilters(isOne ? rest : pick, filters),
      ...body,
    }
    return ['policies', draft.policy(pick.digest === undefined ? name : `${name}-digest`, policy, origin)]
  })
}

export function destinationOf(
  registry: string,
  { namespace, flatten }: { readonly namespace?: string; readonly flatten?: Plain },
): Plain {
  if (namespace === undefined) return registry
  return flatten === undefined ? `${registry}/${namespace}` : { registry, namespace, flatten }
}

/** `filters`, where there are any. */
export function withFilters(pick: Pick, filters: PlainMapping = {}): PlainMapping {
  const exclude = {
    ...(pick.excludeNames?.length ? { name: single(pick.excludeNames) } : {}),
    ...(pick.excludeTags?.length ? { tag: single(pick.excludeTags) } : {}),
  }
  const all = {
    ...(pick.names?.length ? { name: single(pick.names) } : {}),
    ...(pick.tags?.length ? { tag: single(pick.tags) } : {}),
    ...(pick.semver === undefined ? {} : { semver: pick.semver }),
    ...(pick.newest === undefined ? {} : { newest: pick.newest }),
    ...filters,
    ...(Object.keys(exclude).length > 0 ? { exclude } : {}),
  }
  return Object.keys(all).length > 0 ? { filters: all } : {}
}

function single(list: readonly string[]): Plain {
  const [only, ...others] = list
  return only !== undefined && others.length === 0 ? only : list
}

/** True where all tags are taken, with those that hold signatures. */
export function takesAll(pick: Pick): boolean {
  return pick.digest === undefined && pick.semver === undefined && !pick.tags?.some((tag) => tag !== '*')
}

/** Names of registries are known where the result is the configuration. */
function copyCommand(draft: Draft, from: Side, to: Side, picks: readonly Pick[]): string {
  const [pick, ...others] = picks
  const isPlain =
    pick && others.length === 0 && !pick.excludeTags?.length && pick.semver === undefined && pick.newest === undefined
  const destination = `${to.registry}/${to.path}`
  const named = [from, to].some(({ registry }) => draft.registries.has(registry))
  const command = named ? 'replicate copy --config FILE' : 'replicate copy'
  if (!isPlain) return `${command} '${from.registry}/${from.path}:TAG' ${destination}`
  const tags = pick.tags ?? []
  const tag = tags.length > 1 ? `:{${tags.join(',')}}` : tags.map((each) => `:${each}`).join('')
  const source = `${from.registry}/${from.path}${pick.digest === undefined ? tag : `@${pick.digest}`}`
  return `${command} ${/[*?{[]/.test(source) ? `'${source}'` : source} ${destination}`
}
