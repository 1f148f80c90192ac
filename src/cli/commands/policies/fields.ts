/** A policy's settings by options, in the words of its file. */

import { dirname, resolve } from 'node:path'
import { writtenTrigger } from '../../../config/document/policy.ts'
import type { Edit, Value } from '../../../config/edit/edit.ts'
import { isMapping } from '../../../config/edit/render.ts'
import { isLayoutPlace } from '../../../config/hosts.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { type Policy, type PolicyDestination, routesOf, schedulesIn, type Trigger } from '../../../core/policy.ts'
import type { FilterFlags } from '../../values.ts'

/** As commander hands them over. What is empty takes a setting away. */
export interface PolicyFlags {
  readonly description?: string
  readonly enabled?: boolean
  readonly scope?: string
  readonly source?: string
  /** Namespaces of the source, or patterns. */
  readonly namespace?: readonly string[]
  readonly destination?: readonly string[]
  readonly flatten?: string
  readonly filter?: FilterFlags
  readonly resource?: string
  readonly name?: readonly string[]
  readonly tag?: readonly string[]
  readonly label?: readonly string[]
  readonly semver?: string
  readonly newest?: string
  readonly pushedWithin?: string
  readonly minAge?: string
  readonly untagged?: boolean
  readonly platform?: readonly string[]
  readonly exclude?: FilterFlags
  readonly regex?: FilterFlags
  readonly excludeRegex?: FilterFlags
  readonly attestations?: boolean
  readonly missing?: string
  readonly schedule?: readonly string[]
  readonly timezone?: string
  /** What happens to artifacts. */
  readonly event?: readonly string[]
  readonly poll?: string
  readonly override?: boolean
  readonly referrers?: boolean | 'all'
  readonly deletion?: string
  readonly withImages?: boolean
  /** Files. */
  readonly values?: readonly string[]
}

/** Where it stands in a policy, and what is to stand there; undefined: nothing. */
type Setting = readonly [path: readonly string[], value: Value | undefined]

/** A reference as it was written in `cwd`, as it means the same in the file: there the paths of layouts are relative to the file. */
export function referenceIn(file: string, reference: string, cwd: string): string {
  const [, scheme, path] = /^(oci|tar|docker-archive):(.+)$/.exec(reference) ?? []
  return path === undefined || dirname(file) === cwd ? reference : `${scheme}:${resolve(cwd, path)}`
}

/** The same for a path. */
export function pathIn(file: string, path: string, cwd: string): string {
  return path === '' || dirname(file) === cwd ? path : resolve(cwd, path)
}

/** The mapping of a new policy, its keys in the order in which people read them; without what the options do not say. */
export function newPolicy(flags: PolicyFlags): { readonly [key: string]: Value } {
  return settingsOf(flags, undefined).reduce<{ readonly [key: string]: Value }>(
    (mapping, [path, value]) => (value === undefined ? mapping : placed(mapping, path, value)),
    {},
  )
}

/** What the options change of a policy that is there. */
export function policyEdits(policy: Policy, flags: PolicyFlags): readonly Edit[] {
  return settingsOf(flags, policy).map(([path, value]): Edit => {
    const whole = ['policies', policy.name, ...path]
    return value === undefined ? { remove: whole } : { set: whole, to: value }
  })
}

function placed(
  mapping: { readonly [key: string]: Value },
  [key = '', ...deeper]: readonly string[],
  value: Value,
): { readonly [key: string]: Value } {
  if (deeper.length === 0) return { ...mapping, [key]: value }
  const inner = mapping[key]
  return { ...mapping, [key]: placed(isMapping(inner) ? inner : {}, deeper, value) }
}

function settingsOf(flags: PolicyFlags, current: Policy | undefined): readonly Setting[] {
  const { filter = {}, exclude = {}, regex = {}, excludeRegex = {} } = flags
  const filters: Readonly<Record<string, Value | undefined>> = {
    resource: flags.resource ?? filter.resource?.at(-1),
    name: together(filter.name, flags.name),
    tag: together(filter.tag, flags.tag),
    label: together(filter.label, flags.label),
    semver: flags.semver,
    // A number is written as one; anything else is for the check of the file to refuse.
    newest: /^\d+$/.test(flags.newest ?? '') ? Number(flags.newest) : flags.newest,
    pushed_within: flags.pushedWithin,
    min_age: flags.minAge,
    untagged: flags.untagged,
    platforms: together(flags.platform),
    attestations: flags.attestations,
  }
  return [
    ...setting(['description'], flags.description),
    ...setting(['enabled'], flags.enabled),
    ...setting(['scope'], flags.scope),
    ...sourceSettings(flags, current),
    ...destinationSettings(flags, current),
    ...Object.entries(filters).flatMap(([key, value]) => setting(['filters', key], value)),
    ...patterns(['filters', 'exclude'], exclude),
    ...patterns(['filters', 'regex'], regex),
    ...patterns(['filters', 'regex', 'exclude'], excludeRegex),
    ...triggerSettings(flags, current),
    ...setting(['referrers'], flags.referrers),
    ...setting(['override'], flags.override),
    ...setting(['missing'], flags.missing),
    ...setting(['deletion'], flags.deletion),
    ...setting(['with_images'], flags.withImages),
    ...setting(['values'], together(flags.values)),
  ]
}

/** An option that was not given changes nothing; an empty one removes the setting. */
function setting(path: readonly string[], value: Value | undefined): readonly Setting[] {
  return value === undefined ? [] : [[path, value === '' ? undefined : value]]
}

function patterns(path: readonly string[], flags: FilterFlags): readonly Setting[] {
  return Object.entries(flags).flatMap(([key, values]) => setting([...path, key], together(values)))
}

/** All values of the lists that were given; a single one stands alone. */
function together(...lists: readonly (readonly string[] | undefined)[]): Value | undefined {
  const given = lists.filter((list) => list !== undefined)
  if (given.length === 0) return undefined
  const values = given.flat().filter((value) => value !== '')
  return values.length > 1 ? values : (values[0] ?? '')
}

function sourceSettings({ source, namespace }: PolicyFlags, current: Policy | undefined): readonly Setting[] {
  const namespaces = together(namespace)
  if (namespaces === undefined) return setting(['source'], source)
  const registry = source ?? current?.source.registry ?? ''
  const kept = source === undefined && current ? keptSelection(current) : []
  const [name, path] = splitReference(registry)
  if (path !== undefined) {
    throw new ConfigurationError(`--source ${registry} names repositories, and --namespace namespaces`, {
      hint: 'give one of them; --name is for patterns of repositories',
    })
  }
  return [[['source'], namespaces === '' ? name : { registry: name, namespaces: listOf(namespaces) }], ...kept]
}

/** What the source's reference may have said stands in the filters where it becomes a mapping. */
function keptSelection({ name: policy, filters: { digest, name, tag } }: Policy): readonly Setting[] {
  if (digest !== undefined) {
    throw new ConfigurationError(`policy ${policy} copies one digest, which has no use for --namespace`, {
      hint: 'give --source, too',
    })
  }
  return [...setting(['filters', 'name'], together(name)), ...setting(['filters', 'tag'], together(tag))]
}

function listOf(value: Value): Value {
  return typeof value === 'string' ? [value] : value
}

/** `REGISTRY/PATH` in its parts; `oci:DIR` and `tar:FILE` have only one. */
function splitReference(reference: string): readonly [registry: string, path: string | undefined] {
  const slash = isLayoutPlace(reference) ? -1 : reference.indexOf('/')
  return slash < 0 ? [reference, undefined] : [reference.slice(0, slash), reference.slice(slash + 1)]
}

function destinationSettings({ destination, flatten }: PolicyFlags, current: Policy | undefined): readonly Setting[] {
  if (destination === undefined && flatten === undefined) return []
  const before = current ? routesOf(current).map((route) => route.destination) : []
  const kept = before[0] && withoutUsual(before[0])
  const places = destination?.map((reference) => ({ ...kept, ...placeOf(reference) })) ?? before
  const values = places.map((place) => destinationValue(place, flatten))
  const [first] = values
  return first === undefined ? [] : [[['destination'], values.length > 1 ? values : first]]
}

type Place = Partial<PolicyDestination> & Pick<PolicyDestination, 'registry'>

function placeOf(reference: string): Place {
  const [registry, namespace = ''] = splitReference(reference.replace(/\/+$/, ''))
  return { registry, namespace }
}

/** What `flatten` is where it is not given. */
function usualFlatten({ namespace = '' }: Pick<Place, 'namespace'>): number {
  return namespace === '' ? 0 : 1
}

/** A `flatten` that was not given does not outlast another namespace. */
function withoutUsual({ flatten, ...rest }: PolicyDestination): Place {
  return flatten === usualFlatten(rest) ? rest : { ...rest, flatten }
}

/** A reference where that says all. */
function destinationValue({ registry, namespace = '', ...rest }: Place, given: string | undefined): Value {
  const usual = String(usualFlatten({ namespace }))
  const flatten = given ?? String(rest.flatten ?? usual)
  const { create = true, public: open = false } = rest
  if (flatten === usual && create && !open) return namespace === '' ? registry : `${registry}/${namespace}`
  return {
    registry,
    ...(namespace === '' ? {} : { namespace }),
    ...(flatten === usual ? {} : { flatten: flatten === 'all' ? flatten : Number(flatten) }),
    ...(create ? {} : { create }),
    ...(open ? { public: open } : {}),
  }
}

function triggerSettings(flags: PolicyFlags, current: Policy | undefined): readonly Setting[] {
  const { event, poll } = flags
  const before = current?.triggers ?? []
  const isKept = (trigger: Trigger): boolean =>
    !('schedule' in trigger) && !('event' in trigger && event) && !('poll' in trigger && poll !== undefined)
  if ([flags.schedule, flags.timezone, event, poll].every((given) => given === undefined)) return []
  const triggers: Value[] = [
    ...scheduleTriggers(flags, current),
    ...before.filter(isKept).map(writtenTrigger),
    ...(event?.length ? [{ event: [...event] }] : []),
    ...(poll ? [{ poll }] : []),
  ]
  return [[['triggers'], triggers.length === 0 ? undefined : triggers]]
}

function scheduleTriggers({ schedule, timezone }: PolicyFlags, current: Policy | undefined): readonly Value[] {
  const before = schedulesIn(current?.triggers ?? [])
  if (schedule === undefined && timezone === undefined) return before.map(writtenTrigger)
  const schedules = (schedule ?? before.map((trigger) => trigger.schedule)).filter((text) => text !== '')
  if (schedules.length === 0 && timezone) {
    throw new ConfigurationError('--timezone belongs to a schedule', { hint: 'give --schedule, too' })
  }
  const zone = timezone ?? timezoneOf(current)
  return schedules.map((text) => {
    const catch_up = before.find((trigger) => trigger.schedule === text)?.catch_up
    return writtenTrigger({
      schedule: text,
      ...(zone ? { timezone: zone } : {}),
      ...(catch_up === undefined ? {} : { catch_up }),
    })
  })
}

function timezoneOf(current: Policy | undefined): string | undefined {
  const zones = schedulesIn(current?.triggers ?? []).map((trigger) => trigger.timezone)
  return zones.every((zone) => zone === zones[0]) ? zones[0] : undefined
}
