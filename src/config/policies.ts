/** Builds a policy from its checked form, and checks what the schema cannot. */

import semver from 'semver'
import { compilePattern, type Pattern, PatternError } from '../core/pattern.ts'
import { pinnedTag } from '../core/pinned-tag.ts'
import type { Filters, Policy, PolicyDestination, PolicySource } from '../core/policy.ts'
import { isRepositoryName } from '../core/reference.ts'
import { compileRegex } from '../core/regex.ts'
import { refuseForeign } from '../core/wildcards.ts'
import { builtHandler, builtNotifications, type PolicyNames } from './outside.ts'
import { isMistake, type Mistake, type Names, parseReference, registryNamed, repositoryPattern } from './reference.ts'
import type { Built } from './registries.ts'
import type { PolicyInput } from './schema.ts'
import type { Finding } from './source.ts'
import { builtTriggers } from './triggers.ts'
import { builtImages } from './with-images.ts'

/** The value may be used only if there are no findings. */
export function buildPolicy(name: string, input: PolicyInput, names: PolicyNames): Built<Policy> {
  const findings: Finding[] = []
  const { source, selected } = builtSource(input, names, findings)
  const [destination = NOWHERE, ...also] = builtDestinations(input.destination, names, findings)
  checkWritable([destination, ...also], input.destination, names, findings)
  const filters: Filters = { ...input.filters, ...selected }
  checkFilters(input.filters, findings)
  const { prepare, notify, triggers, with_images: _, values: __, ...plain } = input
  const value: Policy = {
    name,
    ...plain,
    source,
    destination,
    also,
    filters,
    ...builtImages(input, { source, destination, also }, names, findings),
    triggers: builtTriggers(triggers, findings),
    ...(prepare ? { prepare: builtHandler(prepare, [destination, ...also], names, findings) } : {}),
    ...(notify ? { notify: builtNotifications(notify, names, findings) } : {}),
  }
  checkScope(value, input, findings)
  return { value, findings: findings.map((finding) => ({ ...finding, path: ['policies', name, ...finding.path] })) }
}

type Selected = Pick<Filters, 'name' | 'tag' | 'digest'>

function builtSource(
  input: PolicyInput,
  names: Names,
  findings: Finding[],
): { readonly source: PolicySource; readonly selected: Selected } {
  const { source } = input
  if (typeof source !== 'string') {
    const registry = registryNamed(source.registry, names)
    if ('message' in registry) findings.push(mistaken(registry, ['source', 'registry']))
    checkPatterns(source.namespaces, ['source', 'namespaces'], findings)
    const name = 'message' in registry ? source.registry : registry.name
    return {
      source: source.namespaces ? { registry: name, namespaces: source.namespaces } : { registry: name },
      selected: {},
    }
  }
  const reference = parseReference(source, names)
  if (isMistake(reference)) {
    findings.push(mistaken(reference, ['source']))
    return { source: { registry: source }, selected: {} }
  }
  const { registry, path, tag, digest, pathAt, tagAt } = reference
  if (path !== undefined) checkPattern(path, ['source'], findings, pathAt)
  if (tag !== undefined) checkPattern(tag, ['source'], findings, tagAt)
  for (const [key, given] of [['name', path] as const, ['tag', tag ?? digest] as const]) {
    if (given === undefined || input.filters[key] === undefined) continue
    const message = `\`filters.${key}\` is given, and \`source\` gives it too`
    findings.push({ path: ['filters', key], atKey: true, message, hint: 'keep one of them' })
  }
  return {
    source: { registry: registry.name },
    selected: {
      ...(path === undefined ? {} : { name: [repositoryPattern(registry, path, names.types)] }),
      ...(tag === undefined ? {} : { tag: [digest === undefined ? tag : `${tag}@${digest}`] }),
      ...(digest === undefined || tag !== undefined ? {} : { digest }),
    },
  }
}

type DestinationInput = Exclude<PolicyInput['destination'], readonly unknown[]>

const DEFAULTS = { create: true, public: false } as const
/** A placeholder for a destination that is malformed. */
const NOWHERE: PolicyDestination = { registry: '', flatten: 0, ...DEFAULTS }

/** One destination, or several that get the same content. The same destination twice is refused: both would write the same tags. */
function builtDestinations(
  input: PolicyInput['destination'],
  names: Names,
  findings: Finding[],
): readonly PolicyDestination[] {
  if (!Array.isArray(input)) return [builtDestination(input, ['destination'], names, findings)]
  const built = input.map((one, index) => builtDestination(one, ['destination', index], names, findings))
  const places = new Set<string>()
  for (const [index, { registry, namespace }] of built.entries()) {
    const place = `${registry}/${namespace ?? ''}`
    const { size } = places
    if (places.add(place).size > size) continue
    const message = `the destination \`${place.replace(/\/$/, '')}\` stands here twice`
    findings.push({ path: ['destination', index], message, hint: 'leave one of them out' })
  }
  return built
}

function builtDestination(
  one: DestinationInput,
  at: Finding['path'],
  names: Names,
  findings: Finding[],
): PolicyDestination {
  if (typeof one !== 'string') {
    const { registry: written, namespace, flatten, ...plain } = one
    const registry = registryNamed(written, names)
    if ('message' in registry) findings.push(mistaken(registry, [...at, 'registry']))
    if (namespace !== '') checkNamespace(namespace, [...at, 'namespace'], 0, findings)
    const name = 'message' in registry ? written : registry.name
    return {
      registry: name,
      ...(namespace ? { namespace } : {}),
      flatten: flatten ?? (namespace === undefined ? 0 : 1),
      ...plain,
    }
  }
  const reference = parseReference(one, names)
  if (isMistake(reference)) {
    findings.push(mistaken(reference, at))
    return { registry: one, flatten: 0, ...DEFAULTS }
  }
  const { registry, path, tag, digest, pathAt, tagAt } = reference
  if (tag !== undefined || digest !== undefined) {
    const message = 'a destination has no tag: tags keep their names'
    findings.push({ path: at, message, offset: tagAt, hint: '`replicate copy` can give another tag' })
  }
  checkNamespace(path, at, pathAt, findings)
  const landing = path === undefined ? { flatten: 0 } : { namespace: path, flatten: 1 }
  return { registry: registry.name, ...landing, ...DEFAULTS }
}

/** A registry that can only be read cannot be a destination. */
function checkWritable(
  destinations: readonly PolicyDestination[],
  input: PolicyInput['destination'],
  names: Names,
  findings: Finding[],
): void {
  for (const [index, { registry }] of destinations.entries()) {
    const type = names.registries.get(registry)?.type
    const facts = names.types.find(({ identity }) => identity === type)
    if (!facts?.isReadOnly) continue
    const message = `\`${registry}\` is a \`${type}\`, which can only be read`
    const path = Array.isArray(input) ? ['destination', index] : ['destination']
    findings.push({ path, message, hint: 'use it as the source, and write to another registry' })
  }
}

function checkNamespace(
  namespace: string | undefined,
  path: Finding['path'],
  offset: number,
  findings: Finding[],
): void {
  if (namespace === undefined || isRepositoryName(namespace)) return
  const hint = 'lower-case letters, digits, `.`, `_`, `-`, and `/` between parts; no patterns'
  findings.push({ path, message: `\`${namespace}\` is not a namespace`, offset, hint })
}

function checkFilters(filters: PolicyInput['filters'], findings: Finding[]): void {
  const { name, tag, exclude, regex, semver: range } = filters
  checkPatterns(name, ['filters', 'name'], findings, NAME_PATTERN)
  checkPatterns(tag, ['filters', 'tag'], findings, TAG_PATTERN)
  checkPatterns(exclude?.name, ['filters', 'exclude', 'name'], findings, NAME_PATTERN)
  checkPatterns(exclude?.tag, ['filters', 'exclude', 'tag'], findings, TAG_PATTERN)
  checkPatterns(regex?.name, ['filters', 'regex', 'name'], findings, REGEX)
  checkPatterns(regex?.tag, ['filters', 'regex', 'tag'], findings, REGEX)
  checkPatterns(regex?.exclude?.name, ['filters', 'regex', 'exclude', 'name'], findings, REGEX)
  checkPatterns(regex?.exclude?.tag, ['filters', 'regex', 'exclude', 'tag'], findings, REGEX)
  if (range === undefined || semver.validRange(range) !== null) return
  const hint = 'write a range such as `>=3.18 <4`'
  findings.push({ path: ['filters', 'semver'], message: `\`${range}\` is not a range of versions`, hint })
}

interface Syntax {
  readonly name: string
  readonly compile: (source: string) => Pattern
  readonly hint?: string
}

const PATTERN: Syntax = { name: 'pattern', compile: compilePattern }
const NAME_PATTERN: Syntax = {
  name: 'pattern',
  compile(source) {
    refuseForeign(source, 'name')
    return compilePattern(source)
  },
}
const TAG_PATTERN: Syntax = {
  name: 'pattern',
  compile(source) {
    const at = source.indexOf('@')
    if (at >= 0 && !pinnedTag(source))
      throw new PatternError('behind `@` stands no digest, or before it no tag', at + 1)
    refuseForeign(source, 'tag')
    return compilePattern(source)
  },
}
const REGEX: Syntax = {
  name: 'regular expression',
  compile: compileRegex,
  hint: 'the syntax is that of RE2: no look-around and no back-references; it must match the whole name',
}

function checkPatterns(
  patterns: readonly string[] | undefined,
  path: Finding['path'],
  findings: Finding[],
  syntax: Syntax = PATTERN,
): void {
  // A single pattern stands at the key itself: the position of the missing list element falls back to it.
  for (const [index, pattern] of (patterns ?? []).entries())
    checkPattern(pattern, [...path, index], findings, 0, syntax)
}

function checkPattern(
  pattern: string,
  path: Finding['path'],
  findings: Finding[],
  start: number,
  { name, compile, hint }: Syntax = PATTERN,
): void {
  try {
    compile(pattern)
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    const offset = start + error.column - 1
    const message = `\`${pattern}\` is not a valid ${name}: ${error.message}`
    findings.push({ path, message, offset, hint: error.hint ?? hint })
  }
}

function checkScope(policy: Policy, input: PolicyInput, findings: Finding[]): void {
  if (policy.scope !== 'namespace') return
  const namespaces = policy.source.namespaces ?? []
  const [only] = namespaces
  if (namespaces.length === 1 && only !== undefined && isRepositoryName(only)) return
  const path = typeof input.source === 'string' ? ['source'] : ['source', 'namespaces']
  const message = 'a policy with `scope: namespace` names exactly one namespace, without patterns'
  findings.push({ path, message, hint: 'write `source: {registry: NAME, namespaces: [NAMESPACE]}`' })
}

function mistaken(mistake: Mistake, path: Finding['path']): Finding {
  return { path, message: mistake.message, offset: mistake.offset, hint: mistake.hint }
}
