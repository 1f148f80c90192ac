/** The policies for one repository that goes to one place. */

import { isMapping } from '../mapping.ts'
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
  readonly tags?: readonly string[]
  /** With one tag: that digest, under that tag. */
  readonly digest?: string
  readonly regex?: Expressions
  readonly semver?: string
  readonly newest?: number
}

/** Regular expressions, any of which must match the whole name. */
export interface Expressions {
  readonly name?: readonly string[]
  readonly tag?: readonly string[]
  readonly exclude?: { readonly name?: readonly string[]; readonly tag?: readonly string[] }
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

/** Adds a policy for each pick and returns their paths; none if a repository would get another name, which only `copy` can do. */
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
    const { tags = [], digest, ...rest } = pick
    const [only, ...others] = tags
    const isOne = only !== undefined && others.length === 0
    const source = [
      `${from.registry}/${from.path}`,
      isOne ? `:${only}` : '',
      digest === undefined ? '' : `@${digest}`,
    ].join('')
    const policy = {
      source,
      destination: destinationOf(to.registry, place),
      ...withFilters(isOne ? rest : { tags, ...rest }, filters),
      ...body,
    }
    return ['policies', draft.policy(digest === undefined || isOne ? name : `${name}-digest`, policy, origin)]
  })
}

export function destinationOf(
  registry: string,
  { namespace, flatten }: { readonly namespace?: string; readonly flatten?: Plain },
): Plain {
  if (flatten === undefined) return namespace === undefined ? registry : `${registry}/${namespace}`
  return given({ registry, namespace, flatten })
}

/** `filters`, where there are any. */
export function withFilters({ tags, regex, semver, newest }: Pick, filters: PlainMapping = {}): PlainMapping {
  return given({
    filters: given({
      tag: single(tags),
      regex: given({
        name: single(regex?.name),
        tag: single(regex?.tag),
        exclude: given({ name: single(regex?.exclude?.name), tag: single(regex?.exclude?.tag) }),
      }),
      semver,
      newest,
      ...filters,
    }),
  })
}

/** Without what is absent or empty. */
export function given(values: PlainMapping): PlainMapping {
  const entries = Object.entries(values).filter(
    ([, value]) => value !== undefined && !(isMapping(value) && Object.keys(value).length === 0),
  )
  return Object.fromEntries(entries)
}

function single(list: readonly string[] = []): Plain | undefined {
  const [only, ...others] = list
  return others.length === 0 ? only : list
}

/** True if all tags are taken, signatures' tags among them. */
export function takesAll({ tags, digest, regex, semver }: Pick): boolean {
  const isNarrowed = regex?.tag?.length && !regex.tag.includes('.*')
  return !tags?.length && !isNarrowed && digest === undefined && semver === undefined
}

/** A command that names registries of the draft needs the imported file as its configuration. */
function copyCommand(draft: Draft, from: Side, to: Side, picks: readonly Pick[]): string {
  const [pick, ...others] = picks
  const isPlain = pick && others.length === 0 && !pick.regex && pick.semver === undefined && pick.newest === undefined
  const destination = `${to.registry}/${to.path}`
  const named = [from, to].some(({ registry }) => draft.registries.has(registry))
  const command = named ? 'replicate copy --config FILE' : 'replicate copy'
  if (!isPlain) return `${command} '${from.registry}/${from.path}:TAG' ${destination}`
  const { tags = [], digest } = pick
  const tag = tags.length > 1 ? `:{${tags.join(',')}}` : `:${tags[0] ?? '*'}`
  const end = digest === undefined ? tag : `${tags.length > 0 ? tag : ''}@${digest}`
  const source = `${from.registry}/${from.path}${end}`
  return `${command} ${/[*?{[]/.test(source) ? `'${source}'` : source} ${destination}`
}
