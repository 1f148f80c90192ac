/** Loads registries and policies from configuration files, or reports all their problems at once. */

import type { AdapterFacts } from '../core/adapter.ts'
import { ConfigurationError, type Problem } from '../core/errors.ts'
import type { Policy } from '../core/policy.ts'
import type { Registry } from '../core/registry.ts'
import type { Environment } from './interpolate.ts'
import { buildPolicy } from './policies.ts'
import { tidied } from './problems.ts'
import { type Names, registryNamed } from './reference.ts'
import { buildRegistry } from './registries.ts'
import { salvage } from './salvage.ts'
import { policySchema, registrySchema } from './schema.ts'
import { ownership } from './scope.ts'
import { missingNames, type Read, readSections } from './sections.ts'
import { builtServe, defaultServe, type ServeSettings } from './serve.ts'
import { type ConfigurationFile, lineOf, problemOf, type Source, writtenAt } from './source.ts'
import { builtWorkers, type WorkersSettings } from './workers.ts'

export type { ConfigurationFile } from './source.ts'

export interface LoadOptions {
  readonly env: Environment
  /** Absolute; what the paths of standard input are relative to, and what errors show paths relative to. */
  readonly cwd: string
  /** The adapters that exist. */
  readonly types: readonly AdapterFacts[]
  /** Where no named file says anything of workers, the user's configuration does. */
  readonly workers?: boolean
}

export interface Configuration {
  readonly registries: ReadonlyMap<string, Registry>
  /** In the order of the files, and of their keys. */
  readonly policies: readonly Policy[]
  /** How `replicate serve` works; its defaults where no file says anything of it. */
  readonly serve: ServeSettings
  /** The queue of workers; absent where no file names one. */
  readonly workers?: WorkersSettings
  readonly files: readonly ConfigurationFile[]
  /** Values of secrets that came from the environment: never to be shown. */
  readonly secrets: readonly string[]
  /** Variables that stand for themselves, as they are not set and nothing is contacted. */
  readonly unset?: readonly string[]
  /** Absolute. */
  readonly cwd: string
  /** The adapters that exist. */
  readonly types: readonly AdapterFacts[]
  /** The registry defined under `name`, or made from a host, `oci:DIR`, `tar:FILE` or `docker-archive:FILE`. Throws a `ConfigurationError`. */
  registryOf(name: string): Registry
  /** The path of the file that defines a policy, or undefined. */
  policyFile(name: string): string | undefined
  /** The path of the file that defines a registry, or undefined. */
  registryFile(name: string): string | undefined
}

/** Throws a `ConfigurationError` that holds every problem of every file. */
export function loadConfiguration(files: readonly ConfigurationFile[], options: LoadOptions): Configuration {
  const problems: Problem[] = []
  const secrets: string[] = []
  const read: Read[] = []
  const named = files.filter((file) => !file.fallback)
  for (const file of named) read.push(readSections(file, options, undefined, problems, secrets))
  const wanted = missingNames(read)
  const asksForWorkers = (options.workers ?? false) && read.every(({ content }) => content.workers === undefined)
  for (const file of files) {
    const only = { registries: wanted, workers: asksForWorkers }
    if (file.fallback && (wanted.size > 0 || asksForWorkers)) {
      read.push(readSections(file, options, only, problems, secrets))
    }
  }
  const registries = allRegistries(read, options, problems)
  const { types } = options
  const names: Names = { registries: byName(registries), types, directory: options.cwd }
  const policies = allPolicies(read, names, problems)
  const serve = serveOf(read, problems)
  const workers = workersOf(read, problems, secrets)
  checkScopes(policies, names, problems)
  checkLabels(policies, names, problems)
  if (problems.length > 0) throw new ConfigurationError(tidied(problems))
  return {
    registries: names.registries,
    policies: [...policies.values()].map(({ value }) => value),
    serve,
    ...(workers ? { workers } : {}),
    files,
    secrets: [...new Set(secrets)],
    cwd: options.cwd,
    types,
    registryOf: (name) => registryOf(name, names),
    policyFile: (name) => policies.get(name)?.source.path,
    registryFile: (name) => registries.get(name)?.source.path,
  }
}

interface Defined<T> {
  readonly value: T
  readonly source: Source
}

function allRegistries(
  read: readonly Read[],
  options: LoadOptions,
  problems: Problem[],
): Map<string, Defined<Registry>> {
  const found = new Map<string, Defined<Registry>>()
  for (const { source, content, untrusted } of read) {
    for (const [name, entry] of content.registries) {
      const before = found.get(name)
      if (before) problems.push(twice(source, ['registries', name], before.source))
      if (before) continue
      const parsed = salvage(registrySchema, entry)
      const built = parsed && buildRegistry(name, parsed.data, source.directory, options.types)
      const findings = built?.findings.filter(({ absence }) => parsed?.whole || !absence) ?? []
      problems.push(...findings.map((finding) => problemOf(source, finding)))
      // A registry that cannot be built has been reported; policies may still refer to its name.
      const value = built ? { ...built.value, ...writtenOf(built.value, source) } : { name, type: 'docker-registry' }
      found.set(name, { value: untrusted ? { ...value, untrusted } : value, source })
    }
  }
  return found
}

/** Where the registry's certificates are named: a run tells it where it cannot use one. */
function writtenOf(registry: Registry, source: Source): Pick<Registry, 'written'> {
  const keys = (['ca', 'client_cert', 'client_key'] as const).filter((key) => registry[key] !== undefined)
  if (keys.length === 0) return {}
  const place = (key: string) => {
    const { position, text } = problemOf(source, { path: ['registries', registry.name, key], message: '' })
    return { ...(position === undefined ? {} : { position }), ...(text === undefined ? {} : { text }) }
  }
  return { written: Object.fromEntries(keys.map((key) => [key, place(key)])) }
}

function allPolicies(read: readonly Read[], names: Names, problems: Problem[]): Map<string, Defined<Policy>> {
  const found = new Map<string, Defined<Policy>>()
  for (const { source, content, fallback } of read) {
    for (const [name, entry] of fallback ? [] : content.policies) {
      const before = found.get(name)
      if (before) problems.push(twice(source, ['policies', name], before.source))
      const parsed = salvage(policySchema, entry)
      if (before || !parsed) continue
      const { value, findings } = buildPolicy(name, parsed.data, {
        ...names,
        directory: source.directory,
        written: (path) => writtenAt(source, ['policies', name, ...path]),
      })
      problems.push(...findings.map((finding) => problemOf(source, finding)))
      if (parsed.whole && findings.length === 0) found.set(name, { value, source })
    }
  }
  return found
}

/** The one file that says something of it. */
function saying(key: 'serve' | 'workers', read: readonly Read[], problems: Problem[]): Read | undefined {
  const [first, ...others] = read.filter(({ content }) => content[key] !== undefined)
  for (const { source } of others) {
    const message = `\`${key}\` is defined twice, first at ${first?.source.shown}`
    problems.push(problemOf(source, { path: [key], atKey: true, message }))
  }
  return first
}

function workersOf(read: readonly Read[], problems: Problem[], secrets: string[]): WorkersSettings | undefined {
  const first = saying('workers', read, problems)
  const built = first && builtWorkers(first.content.workers, first.source.directory)
  if (first && built) problems.push(...built.findings.map((finding) => problemOf(first.source, finding)))
  secrets.push(...(built?.secrets ?? []))
  return built?.value
}

function serveOf(read: readonly Read[], problems: Problem[]): ServeSettings {
  const first = saying('serve', read, problems)
  const policies = new Set(read.flatMap(({ content }) => [...content.policies].map(([name]) => name)))
  const written = (path: readonly (string | number)[]) => first && writtenAt(first.source, ['serve', ...path])
  const built = first && builtServe(first.content.serve, first.source.directory, written, policies)
  if (first && built) problems.push(...built.findings.map((finding) => problemOf(first.source, finding)))
  return built?.value ?? defaultServe()
}

function twice(source: Source, path: readonly [string, string], before: Source): Problem {
  const line = lineOf(before, path)
  const message = `\`${path[1]}\` is defined twice, first at ${before.shown}:${line}`
  return problemOf(source, { path, atKey: true, message })
}

function checkScopes(policies: ReadonlyMap<string, Defined<Policy>>, names: Names, problems: Problem[]): void {
  const values = [...policies.values()].map(({ value }) => value)
  const endpoint = (name: string): string => {
    const registry = registryNamed(name, names)
    return 'message' in registry ? name : (registry.url ?? registry.path ?? name)
  }
  const takenBy = ownership(values, endpoint)
  for (const { value: policy, source } of policies.values()) {
    const owner = takenBy(policy)
    const other = owner && policies.get(owner.name)
    if (!other) continue
    const placeOf = ({ value, source: file }: Defined<Policy>): string =>
      `${file.shown}:${lineOf(file, ['policies', value.name])}`
    const message = `policy \`${policy.name}\` cannot own the namespace \`${policy.source.namespaces?.[0]}\`: the system policy \`${owner.name}\` (${placeOf(other)}) already takes it`
    const hint = `disable \`${owner.name}\` or \`${policy.name}\` (${placeOf({ value: policy, source })}), or leave the namespace out of \`${owner.name}\``
    const problem = problemOf(source, { path: ['policies', policy.name], atKey: true, message, hint })
    problems.push({ ...problem, kind: 'scope_conflict' })
  }
}

/** A filter by label needs a source that has labels. */
function checkLabels(policies: ReadonlyMap<string, Defined<Policy>>, names: Names, problems: Problem[]): void {
  const { types } = names
  for (const { value, source } of policies.values()) {
    const { label, exclude } = value.filters
    const path = label ? ['label'] : exclude?.label ? ['exclude', 'label'] : undefined
    const registry = registryNamed(value.source.registry, names)
    if (!path || 'message' in registry) continue
    const facts = types.find(({ identity }) => identity === registry.type)
    if (!facts || facts.filters.includes('label')) continue
    const able = types.filter(({ filters }) => filters.includes('label')).map(({ identity }) => identity)
    const message = `the source \`${registry.name}\` is of \`type: ${registry.type}\`, which has no labels`
    const hint = `only ${able.join(', ')} ${able.length === 1 ? 'has' : 'have'} labels`
    problems.push(problemOf(source, { path: ['policies', value.name, 'filters', ...path], atKey: true, message, hint }))
  }
}

function byName(registries: ReadonlyMap<string, Defined<Registry>>): ReadonlyMap<string, Registry> {
  return new Map([...registries].map(([name, { value }]) => [name, value]))
}

function registryOf(name: string, names: Names): Registry {
  const registry = registryNamed(name, names)
  if ('message' in registry) throw new ConfigurationError(registry.message, { hint: registry.hint })
  return registry
}
