/** Makes the policy that `replicate copy SOURCE DESTINATION` runs once. */

import { ConfigurationError } from '../core/errors.ts'
import { compilePattern, PatternError } from '../core/pattern.ts'
import type { Filters, Policy, PolicyDestination } from '../core/policy.ts'
import { isRepositoryName, isTag } from '../core/reference.ts'
import type { Configuration } from './load.ts'
import { isMistake, parseReference, type Reference, repositoryPattern } from './reference.ts'

export interface CopyRequest {
  /** A reference; patterns allowed. One repository needs a tag, a pattern of tags or a digest; a pattern of repositories takes all tags. */
  readonly source: string
  /** A reference. Ending in `/` it is a namespace below which names stay; else a repository's whole name. */
  readonly destination: string
  /** `linux/amd64` and the like. */
  readonly platforms?: readonly string[]
  readonly referrers?: boolean
  readonly override?: boolean
  readonly verify?: Policy['verify']
}

/** Throws a `ConfigurationError` for a reference that cannot be read. */
export function copyPolicy(request: CopyRequest, configuration: Configuration): Policy {
  const source = reference(request.source, 'source', configuration)
  const written = reference(request.destination, 'destination', configuration)
  // A chart's version may be written as Helm shows it.
  const destination = written.tag === undefined ? written : { ...written, tag: written.tag.replaceAll('+', '_') }
  const name =
    source.path === undefined ? undefined : repositoryPattern(source.registry, source.path, configuration.types)
  const names = literalsOf(name, request.source)
  const tags = literalsOf(source.tag, request.source)
  checkPlatforms(request.platforms ?? [])
  // Other tools assume `latest` or all tags here; this program asks.
  if (names !== undefined && source.tag === undefined && source.digest === undefined) {
    const plain = request.source.replace(/\/+$/, '')
    const hint = `write \`${plain}:latest\` or another tag, or '${plain}:*' for all tags`
    throw new ConfigurationError(`source \`${request.source}\` names no tag`, { hint })
  }
  return {
    ...ONCE,
    name: 'copy',
    description: `${request.source} → ${request.destination}`,
    source: { registry: source.registry.name },
    destination: placed(
      destination,
      request,
      names,
      source.digest ? [source.digest] : tags,
      isLayout(source),
      configuration,
    ),
    filters: {
      ...filtersOf(name, source),
      ...(request.platforms?.length ? { platforms: request.platforms } : {}),
    },
    verify: request.verify ?? 'digest',
    referrers: request.referrers ?? true,
    override: request.override ?? true,
  }
}

/** What every policy of one use has. */
export const ONCE = {
  enabled: true,
  scope: 'system',
  also: [],
  order: 'oldest',
  on_overlap: 'skip',
  allow_empty: false,
  foreign_layers: false,
  verify: 'digest',
  referrers: true,
  override: true,
  deletion: 'never',
  triggers: [],
  retry: { attempts: 3, delay: 120_000 },
} as const satisfies Partial<Policy>

/** Selects what a reference names, `name` being its path as a pattern. */
export function filtersOf(name: string | undefined, { tag, digest }: Reference): Filters {
  return {
    resource: 'all',
    untagged: false,
    platforms_index: 'sparse',
    ...(name === undefined ? {} : { name: [name] }),
    ...(tag === undefined ? {} : { tag: [tag] }),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** True for a whole layout, which often holds one image; the plan refuses a second one for the same tag. */
function isLayout({ registry, path, tag }: Reference): boolean {
  return registry.path !== undefined && path === undefined && tag === undefined
}

type Literals = readonly string[] | undefined

function placed(
  to: Reference,
  request: CopyRequest,
  names: Literals,
  tags: Literals,
  mayBeOne: boolean,
  { types }: Configuration,
): PolicyDestination {
  const common = { registry: to.registry.name, create: true, public: false } as const
  if (to.digest !== undefined || to.tag?.includes('@'))
    throw refused('a destination has no digest: it follows from the content', request.destination)
  if (to.path === undefined && to.tag === undefined) return { ...common, flatten: 0 }
  if (to.path !== undefined && !isRepositoryName(to.path)) {
    throw refused(
      `\`${to.path}\` is not a repository name`,
      request.destination,
      'lower-case letters, digits, `.`, `_`, `-`, and `/` between parts; no patterns',
    )
  }
  if (to.slash && to.path !== undefined) return { ...common, namespace: to.path, flatten: 'all' }
  if (names && names.length > 1) {
    throw refused(
      'several repositories cannot land on one',
      request.destination,
      'end the destination with `/` to keep their names',
    )
  }
  if (to.tag !== undefined && !isTag(to.tag)) throw refused(`\`${to.tag}\` is not a tag`, request.destination)
  if (to.tag !== undefined && tags?.length !== 1 && !mayBeOne) {
    throw refused(
      'several tags cannot land on one',
      request.destination,
      'leave the tag out of the destination, or name one tag or digest of the source',
    )
  }
  return {
    ...common,
    flatten: 0,
    ...(to.path === undefined ? {} : { repository: repositoryPattern(to.registry, to.path, types) }),
    ...(to.tag === undefined ? {} : { tag: to.tag }),
  }
}

export function reference(text: string, side: string, configuration: Configuration): Reference {
  const { registries, types, cwd } = configuration
  const result = parseReference(text, { registries, types, directory: cwd })
  if (!isMistake(result)) return result
  throw new ConfigurationError(`${side} \`${text}\`: ${result.message}`, { hint: result.hint })
}

/** The names that a pattern spells out; undefined if it has wildcards or is absent. */
export function literalsOf(pattern: string | undefined, written: string, side = 'source'): Literals {
  if (pattern === undefined) return undefined
  try {
    return compilePattern(pattern).literals
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    const column = written.length >= pattern.length ? ` at column ${written.indexOf(pattern) + error.column}` : ''
    throw new ConfigurationError(
      `${side} \`${written}\`: \`${pattern}\` is not a valid pattern${column}: ${error.message}`,
    )
  }
}

function checkPlatforms(platforms: readonly string[]): void {
  for (const platform of platforms) {
    if (/^[a-z0-9]+\/[a-z0-9_]+(\/[a-z0-9.]+)?$/.test(platform)) continue
    throw new ConfigurationError(`\`${platform}\` is not a platform such as \`linux/amd64\``)
  }
}

function refused(reason: string, destination: string, hint?: string): ConfigurationError {
  return new ConfigurationError(`destination \`${destination}\`: ${reason}`, { hint })
}
