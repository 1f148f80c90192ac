/** Where clients may pull from instead of a policy's source: through the gateway, or where the policy has put things. */

import type { Configuration } from '../../../config/load.ts'
import { compilePattern } from '../../../core/pattern.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { hostInName } from '../../../core/reference.ts'
import type { Registry } from '../../../core/registry.ts'
import { mapRepository } from '../../../engine/plan/mapping.ts'

export interface Mirror {
  /** The source as clients name it, such as `docker.io`. */
  readonly host: string
  /** Its URL. */
  readonly server: string
  /** The beginning of the names that the mirror has; empty: all. */
  readonly prefix: string
  /** Where the mirror answers, without a path. */
  readonly url: string
  /** What stands there for the prefix. */
  readonly path: string
  readonly isGateway: boolean
}

export interface Mirrors {
  readonly mirrors: readonly Mirror[]
  /** What clients cannot be told, and why. */
  readonly notes: readonly string[]
}

/** `gateway`: the URL by which clients reach it. */
export function mirrorsOf(policies: readonly Policy[], configuration: Configuration, gateway: string): Mirrors {
  const notes: string[] = []
  const mirrors = policies.flatMap((policy): readonly Mirror[] => {
    const registry = configuration.registryOf(policy.source.registry)
    const { url: server } = registry
    if (server === undefined) {
      notes.push(`policy ${policy.name}: clients do not pull from its source`)
      return []
    }
    const source = { host: hostOf(registry, configuration), server }
    if (policy.triggers.some((trigger) => 'pull' in trigger)) {
      return [{ ...source, prefix: '', url: gateway, path: '', isGateway: true }]
    }
    return routesOf(policy).flatMap((route) => ofDestination(route, source, configuration, notes))
  })
  const byText = new Map(mirrors.map((mirror) => [JSON.stringify(mirror), mirror]))
  return { mirrors: [...byText.values()], notes }
}

function ofDestination(
  policy: Policy,
  source: Pick<Mirror, 'host' | 'server'>,
  configuration: Configuration,
  notes: string[],
): readonly Mirror[] {
  const { url } = configuration.registryOf(policy.destination.registry)
  if (url === undefined) {
    notes.push(`policy ${policy.name}: clients cannot pull from ${policy.destination.registry}`)
    return []
  }
  return prefixesOf(policy).flatMap(({ prefix, isWhole }): readonly Mirror[] => {
    const path = isWhole ? mapRepository(prefix, policy.destination) : pathFor(prefix, policy)
    if (path !== undefined) return [{ ...source, prefix, url: new URL(url).origin, path, isGateway: false }]
    const what = prefix === '' ? 'names' : `names below ${prefix}`
    notes.push(
      `policy ${policy.name}: ${what} lose a varying part at ${policy.destination.registry}, which no mirror can be told: list namespaces, set \`flatten: 0\`, or pull through the gateway`,
    )
    return []
  })
}

interface Prefix {
  readonly prefix: string
  /** A repository's whole name. */
  readonly isWhole: boolean
}

/** What the policy spells out of its names: repositories, else namespaces, else nothing. */
function prefixesOf({ source, filters }: Policy): readonly Prefix[] {
  const spelled = (patterns: readonly string[] | undefined): readonly string[] | undefined => {
    const all = patterns?.map((pattern) => compilePattern(pattern).literals)
    return all?.every((one) => one !== undefined) && all.length > 0 ? all.flatMap((one) => [...(one ?? [])]) : undefined
  }
  const names = spelled(filters.name)
  if (names) return names.map((prefix) => ({ prefix, isWhole: true }))
  return (spelled(source.namespaces) ?? ['']).map((prefix) => ({ prefix, isWhole: false }))
}

/** What stands for the prefix of every name; undefined where that depends on the name. */
function pathFor(prefix: string, { destination }: Policy): string | undefined {
  const below = (name: string): string => mapRepository(prefix === '' ? name : `${prefix}/${name}`, destination)
  const path = below('a') === 'a' ? '' : below('a').replace(/\/a$/, '')
  return ['a', 'b/a', 'c/b/a'].every((name) => below(name) === (path === '' ? name : `${path}/${name}`))
    ? path
    : undefined
}

/** As clients write it: Docker Hub's address is `docker.io` to them. */
function hostOf({ type, url = '' }: Registry, { types }: Configuration): string {
  const facts = types.find(({ identity }) => identity === type)
  return (url === facts?.home ? facts.aliases?.[0] : undefined) ?? new URL(url).host
}

/** `HOST[/PATH]`, as references begin. */
export function locationOf({ url, path }: Pick<Mirror, 'url' | 'path'>): string {
  const { host } = new URL(url)
  return path === '' ? host : `${host}/${path}`
}

export function isPlain({ url }: Pick<Mirror, 'url'>): boolean {
  return url.startsWith('http:')
}

/** For clients that cannot say by a query which source they mean, the gateway takes its host before the name. */
export function throughGateway(mirror: Mirror): Mirror {
  const path = mirror.isGateway ? hostInName(mirror.host) : undefined
  return path === undefined ? mirror : { ...mirror, path }
}
