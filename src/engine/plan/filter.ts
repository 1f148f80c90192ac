/** Which repositories and tags a policy selects, and which rule decided. */

import semver from 'semver'
import { type Platform, platformName } from '../../core/descriptor.ts'
import { compilePattern, type Pattern } from '../../core/pattern.ts'
import type { Policy } from '../../core/policy.ts'
import { isAttachmentTag } from '../../core/reference.ts'
import { compileRegex } from '../../core/regex.ts'

/** What a rule said of a repository or a tag. */
export interface Verdict {
  readonly kept: boolean
  /** The rule in the policy's words, such as `tag: 3.*`. */
  readonly rule: string
}

export interface Selection {
  /** Exact repository names, where the name filter has no wildcards: the catalogue is never asked. */
  readonly repositories: readonly string[] | undefined
  /** Exact tags, where the tag filter has no wildcards: the tag list is never asked. */
  readonly tags: readonly string[] | undefined
  readonly digest: string | undefined
  repository(name: string): Verdict
  tag(tag: string): Verdict
  /** Absent where no filter asks for labels. */
  readonly labels: ((labels: readonly string[]) => Verdict) | undefined
  /** undefined where every platform is wanted. */
  readonly platform: ((platform: Platform | undefined) => boolean) | undefined
}

const KEPT_ALL: Verdict = { kept: true, rule: 'no filter' }

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
    ...inclusions('tag', filters.tag),
    ...inclusions('regex.tag', regex?.tag, compileRegex),
    ...inclusions('--filter tag', narrow.tag),
    ...(filters.semver === undefined ? [] : [versionRule(filters.semver)]),
    ...exclusions('exclude.tag', exclude?.tag),
    ...exclusions('regex.exclude.tag', regex?.exclude?.tag, compileRegex),
  ]
  const tags = filters.tag?.length ? literals(filters.tag) : undefined
  const attachments: Rule = (tag) =>
    isAttachmentTag(tag) && !tags?.includes(tag) ? { kept: false, rule: 'a referrer, copied with its image' } : KEPT_ALL
  const platforms = filters.platforms
  return {
    repositories: filters.name?.length ? literals(filters.name) : undefined,
    tags,
    digest: filters.digest,
    repository: (name) => judge(repositoryRules, name),
    tag: (tag) => judge([attachments, ...tagRules], tag),
    labels: labelRule(policy, narrow.label),
    platform: platforms?.length ? (platform) => isWanted(platform, platforms) : undefined,
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

/** The rule that one of the patterns must match; without patterns no rule. */
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

/** The rule that none of the patterns may match; without patterns no rule. */
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

/** The names that patterns without wildcards spell out, or undefined where one has a wildcard. */
function literals(patterns: readonly string[]): readonly string[] | undefined {
  const names = new Set<string>()
  for (const pattern of patterns) {
    const spelled = compilePattern(pattern).literals
    if (!spelled) return undefined
    for (const name of spelled) names.add(name)
  }
  return [...names]
}

const VERSION = /^v?(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.(0|[1-9]\d*))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/** A tag as a version: `v` in front and missing parts are fine (`v3`, `3.18`); `01` and words are not versions. */
export function versionOf(tag: string): semver.SemVer | undefined {
  const match = VERSION.exec(tag)
  if (!match) return undefined
  const [, major, minor = '0', patch = '0', prerelease = '', build = ''] = match
  return semver.parse(`${major}.${minor}.${patch}${prerelease}${build}`) ?? undefined
}

/** Oldest first where tags are versions; words such as `latest` come after them, in natural order. */
export function compareTags(a: string, b: string): number {
  const [left, right] = [versionOf(a), versionOf(b)]
  if (left && right) return semver.compareBuild(left, right) || compareNaturally(a, b)
  if (left || right) return left ? -1 : 1
  return compareNaturally(a, b)
}

const RUNS = /\d+|\D+/g

/** Runs of digits by their value, all else as it is. A collator would say it too, but takes 7 ms to make. */
function compareNaturally(a: string, b: string): number {
  const others = b.match(RUNS) ?? []
  for (const [at, run] of (a.match(RUNS) ?? []).entries()) {
    const other = others[at] ?? ''
    if (run === other) continue
    const areNumbers = /^\d/.test(run) && /^\d/.test(other)
    return (areNumbers && compareNumbers(significant(run), significant(other))) || (run < other ? -1 : 1)
  }
  return a.length - b.length
}

function significant(digits: string): string {
  return digits.replace(/^0+/, '')
}

/** Of digits of any length, without leading zeros. */
function compareNumbers(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b))
}

/** `linux/arm64` wants every variant, `linux/arm64/v8` that one; an entry without a platform is no platform's. */
function isWanted(platform: Platform | undefined, wanted: readonly string[]): boolean {
  if (!platform) return false
  const name = platformName(platform)
  return wanted.some((want) => name === want || name.startsWith(`${want}/`))
}
