/** Which repositories and tags a policy selects, and which rule decided. */

import semver from 'semver'
import type { Digest } from '../../core/descriptor.ts'
import { compilePattern, type Pattern } from '../../core/pattern.ts'
import { pinnedTag } from '../../core/pinned-tag.ts'
import type { Policy } from '../../core/policy.ts'
import { compileRegex } from '../../core/regex.ts'
import { type KeepPlatform, platformFilter, type Wanted } from '../../transfer/children.ts'
import { versionOf } from './versions.ts'

/** What a rule said of a repository or a tag. */
export interface Verdict {
  readonly kept: boolean
  /** The rule in the policy's words, such as `tag: 3.*`. */
  readonly rule: string
}

/** Receives everything that was seen, with the rule that kept or dropped it. `registry`: default the policy's source. */
export type Explain = (
  resource: {
    readonly registry?: string
    readonly repository: string
    readonly tag?: string
    readonly digest?: string
  },
  verdict: Verdict,
) => void

export interface Selection {
  /** Exact repository names, where the name filter has no wildcards: the catalogue is never asked. */
  readonly repositories: readonly string[] | undefined
  /** Exact tags, where the tag filter has no wildcards: the tag list is never asked. */
  readonly tags: readonly string[] | undefined
  /** The digests of pinned tags (`TAG@DIGEST`). */
  readonly pinned: ReadonlyMap<string, Digest>
  readonly digest: string | undefined
  repository(name: string): Verdict
  tag(tag: string): Verdict
  /** Absent where no filter asks for labels. */
  readonly labels: ((labels: readonly string[]) => Verdict) | undefined
  /** Absent where no filter asks whether charts are deprecated. */
  readonly deprecated: ((is: boolean | undefined) => Verdict) | undefined
  /** undefined where every platform is wanted. */
  readonly platform: KeepPlatform | undefined
  /** The children of an index that are wanted; undefined where all are. */
  readonly children: Wanted | undefined
  /** Of an index with other children a smaller one is made. */
  readonly narrows: boolean
}

/** The verdict if no filter applies. */
export const KEPT_ALL: Verdict = { kept: true, rule: 'no filter' }

/** Compiles a policy's filters. `narrow` holds further patterns by filter name, all of which must match too. */
export function selectionOf(policy: Policy, narrow: Readonly<Record<string, readonly string[]>> = {}): Selection {
  const { filters, source } = policy
  const { exclude, regex } = filters
  const repositoryRules = [
    ...inclusions('namespaces', source.namespaces, compilePattern, namespacesOf),
    ...inclusions('name', filters.name),
    ...inclusions('regex.name', regex?.name, compileRegex),
    ...inclusions('--filter name', narrow.name),
    ...exclusions('exclude.name', exclude?.name),
    ...exclusions('regex.exclude.name', regex?.exclude?.name, compileRegex),
  ]
  const tagRules = [
    ...inclusions('tag', filters.tag, tagPattern),
    ...inclusions('regex.tag', regex?.tag, compileRegex),
    ...inclusions('--filter tag', narrow.tag, tagPattern),
    ...(filters.semver === undefined ? [] : [versionRule(filters.semver)]),
    ...exclusions('exclude.tag', exclude?.tag, tagPattern),
    ...exclusions('regex.exclude.tag', regex?.exclude?.tag, compileRegex),
  ]
  const pins = (filters.tag ?? []).flatMap((text) => pinnedTag(text) ?? [])
  const platform = filters.platforms?.length ? platformFilter(filters.platforms) : undefined
  const attestations = filters.attestations ?? true
  return {
    repositories: literals(filters.name, compilePattern),
    tags: literals(filters.tag, tagPattern),
    pinned: new Map(pins.map(({ tag, digest }) => [underscored(tag), digest])),
    digest: filters.digest,
    repository: (name) => judge(repositoryRules, name),
    tag: (tag) => judge(tagRules, tag),
    labels: labelRule(policy, narrow.label),
    deprecated: filters.deprecated === undefined ? undefined : (is) => deprecation(filters.deprecated === true, is),
    platform,
    children: platform || !attestations ? { platform, attestations } : undefined,
    narrows: !attestations || (platform !== undefined && filters.platforms_index === 'narrow'),
  }
}

type Rule = (name: string) => Verdict

/** The first rule that drops the name decides; else the last one that kept it is named. */
function judge(rules: readonly Rule[], name: string): Verdict {
  let verdict = KEPT_ALL
  for (const rule of rules) {
    const next = rule(name)
    if (!next.kept) return next
    if (next !== KEPT_ALL) verdict = next
  }
  return verdict
}

/** A rule that keeps names which match at least one pattern; empty without patterns. */
function inclusions(
  label: string,
  patterns: readonly string[] | undefined,
  compile: (source: string) => Pattern = compilePattern,
  candidates: (name: string) => readonly string[] = (name) => [name],
): readonly Rule[] {
  if (!patterns?.length) return []
  const compiled = patterns.map(compile)
  const dropped = { kept: false, rule: `${label}: ${patterns.join(', ')}` }
  return [
    (name) => {
      const names = candidates(name)
      const match = compiled.find((pattern) => names.some((candidate) => pattern.matches(candidate)))
      return match ? { kept: true, rule: `${label}: ${match.source}` } : dropped
    },
  ]
}

/** A rule that drops names which match any pattern; empty without patterns. */
function exclusions(
  label: string,
  patterns: readonly string[] | undefined,
  compile: (source: string) => Pattern = compilePattern,
): readonly Rule[] {
  if (!patterns?.length) return []
  const compiled = patterns.map(compile)
  return [
    (name) => {
      const match = compiled.find((pattern) => pattern.matches(name))
      return match ? { kept: false, rule: `${label}: ${match.source}` } : KEPT_ALL
    },
  ]
}

/** An artifact is kept where one of its labels matches, and dropped where one is excluded. */
function labelRule({ filters }: Policy, narrow: readonly string[] | undefined): Selection['labels'] {
  const wanted = [
    ...(filters.label?.length ? [{ name: 'label', patterns: filters.label }] : []),
    ...(narrow?.length ? [{ name: '--filter label', patterns: narrow }] : []),
  ].map(({ name, patterns }) => ({ name, patterns, compiled: patterns.map(compilePattern) }))
  const [excluded] = exclusions('exclude.label', filters.exclude?.label)
  if (wanted.length === 0 && !excluded) return undefined
  return (labels) => {
    let verdict = KEPT_ALL
    for (const { name, patterns, compiled } of wanted) {
      const match = compiled.find((pattern) => labels.some((label) => pattern.matches(label)))
      if (!match) return { kept: false, rule: `${name}: ${patterns.join(', ')}` }
      verdict = { kept: true, rule: `${name}: ${match.source}` }
    }
    return labels.map((label) => excluded?.(label)).find((judged) => judged?.kept === false) ?? verdict
  }
}

function deprecation(wanted: boolean, is = false): Verdict {
  return { kept: is === wanted, rule: `deprecated: ${wanted}` }
}

function versionRule(range: string): Rule {
  const parsed = new semver.Range(range)
  return (tag) => {
    const version = versionOf(tag)
    if (!version) return { kept: false, rule: `semver: ${tag} is not a version` }
    return { kept: parsed.test(version), rule: `semver: ${range}` }
  }
}

/** The namespace of a repository and every namespace above it. */
function namespacesOf(repository: string): readonly string[] {
  const parts = repository.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** The names that the patterns spell out; undefined without patterns, or if one has a wildcard. */
function literals(
  patterns: readonly string[] | undefined,
  compile: (source: string) => Pattern,
): readonly string[] | undefined {
  if (!patterns?.length) return undefined
  const names = new Set<string>()
  for (const pattern of patterns) {
    const spelled = compile(pattern).literals
    if (!spelled) return undefined
    for (const name of spelled) names.add(name)
  }
  return [...names]
}

/** A pattern of tags. `TAG@DIGEST` matches that tag; `+` matches `_`, since a tag cannot hold the `+` of a chart's version. */
function tagPattern(source: string): Pattern {
  return { ...compilePattern(underscored(pinnedTag(source)?.tag ?? source)), source }
}

function underscored(tag: string): string {
  return tag.replaceAll('+', '_')
}
