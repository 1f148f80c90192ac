/** What a policy's source has: its repositories, and the tags of one that the filters select. */

import type { TagInfo } from '../../core/adapter.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { isNotFound, type ReplicateError, UnsupportedError } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import { attachmentSubject, isRepositoryName, isTag } from '../../core/reference.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Ages, Candidate } from './age.ts'
import type { Explain, Selection, Verdict } from './filter.ts'
import type { OddNames } from './odd-names.ts'
import { sortTags } from './order.ts'
import { isTold, type Told, type ToldRepository } from './told/told.ts'

/** What to look for at the source, and where to report it. */
export interface Discovery {
  readonly policy: Policy
  readonly selection: Selection
  readonly source: Endpoint
  readonly explain: Explain
  readonly odd: OddNames
  /** Absent where the policy has no filter by age. */
  readonly ages: Ages | undefined
  /** Only what events tell of; absent: everything. */
  readonly told?: Told | undefined
}

/** Tags that were found, in the policy's order, with what the listing said of them. */
export interface Found {
  /** False: the source does not have the repository. Undefined if it was not listed, since all tags are named. */
  readonly exists: boolean | undefined
  readonly tags: readonly string[]
  readonly infos: ReadonlyMap<string, TagInfo>
  /** Artifacts without a tag; empty unless the policy wants them. */
  readonly untagged: readonly Pick<TagInfo, 'digest' | 'mediaType'>[]
  /** Tags of the form `sha256-<hex>…`, whose treatment depends on which images are copied. */
  readonly attachments: readonly Attachment[]
  /** Tags and wanted untagged artifacts before filtering, without attachments. */
  readonly seen: number
  /** How many artifacts all filters but `min_age` select: later runs will copy them. */
  readonly held: number
  /** Tags whose age could not be determined, with the reason: they must not be copied. */
  readonly failures: ReadonlyMap<string, ReplicateError>
}

/** A tag that may be an attachment, and the filters' verdict if it is an ordinary tag. */
export interface Attachment {
  readonly tag: string
  readonly verdict: Verdict
}

/** The repositories that the policy selects, each once. Names without wildcards are taken as they are. */
export async function* selectRepositories(discovery: Discovery, ctx: Context): AsyncIterable<string> {
  const { policy, selection, explain, odd, told } = discovery
  const { adapter, registry, type } = discovery.source
  if (!selection.repositories && !adapter.repositories && !told) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} cannot list its repositories`, {
      hint: 'name them in the filter: name: [group/app, …]',
    })
  }
  const wanted = { namespaces: policy.source.namespaces ?? [], names: policy.filters.name ?? [] }
  const names = told?.keys() ?? selection.repositories ?? adapter.repositories?.(wanted, ctx) ?? []
  const known = new Set<string>()
  for await (const repository of names) {
    if (known.has(repository)) continue
    // A layout may hold one repository without a name.
    if (repository !== '' && !isRepositoryName(repository) && (told || !selection.repositories)) {
      odd.note(repository, undefined, ctx)
      continue
    }
    known.add(repository)
    const verdict = selection.repository(repository)
    explain({ repository }, verdict)
    if (verdict.kept) yield repository
  }
}

/** The tags of a repository that the policy selects. */
export async function selectTags(repository: string, discovery: Discovery, ctx: Context): Promise<Found> {
  const { policy, explain } = discovery
  const listed = await listTags(repository, discovery, ctx)
  for (const { digest } of listed.untagged) explain({ repository, digest }, { kept: true, rule: 'untagged: true' })
  const told = discovery.told?.get(repository)
  // A repository of attachments only is a repository of signatures: they are its ordinary tags.
  const alone = listed.tags.length === 0 && !told
  const own = alone ? ownTags(repository, listed.attachments, explain) : []
  const aged = await ofAge({ ...listed, tags: [...listed.tags, ...own] }, repository, discovery, ctx)
  const look = policy.filters.newest !== undefined
  const store = discovery.source.adapter.repository(repository)
  const sorted = await sortTags({ repository, tags: aged.tags, infos: listed.infos, look }, store, ctx)
  return {
    ...aged,
    exists: listed.exists,
    tags: newestOf(sorted, repository, discovery).filter((tag) => isTold(told, tag)),
    attachments: alone ? [] : listed.attachments,
    seen: listed.seen + (alone ? listed.attachments.length : 0),
  }
}

/** The attachments that the filters select as ordinary tags. */
export function ownTags(repository: string, attachments: readonly Attachment[], explain: Explain): readonly string[] {
  for (const { tag, verdict } of attachments) explain({ repository, tag }, verdict)
  return attachments.filter(({ verdict }) => verdict.kept).map(({ tag }) => tag)
}

/** In the policy's order. */
function newestOf(sorted: readonly string[], repository: string, { policy, explain }: Discovery): readonly string[] {
  const { newest } = policy.filters
  const first = newest === undefined ? 0 : Math.max(0, sorted.length - newest)
  for (const tag of sorted.slice(0, first)) explain({ repository, tag }, { kept: false, rule: `newest: ${newest}` })
  const chosen = sorted.slice(first)
  return policy.order === 'newest' ? chosen.reverse() : chosen
}

interface Listed {
  exists: boolean | undefined
  readonly tags: string[]
  readonly attachments: Attachment[]
  readonly infos: Map<string, TagInfo>
  readonly untagged: TagInfo[]
  seen: number
}

/** Asks the source, as gently as the filters allow. */
async function listTags(repository: string, discovery: Discovery, ctx: Context): Promise<Listed> {
  const { policy, selection, explain, odd } = discovery
  const { adapter, registry, type } = discovery.source
  const { untagged } = policy.filters
  const told = discovery.told?.get(repository)
  if (selection.labels && !adapter.listTags) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} has no labels`)
  }
  if (selection.deprecated && !type.filters.includes('deprecated')) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} does not tell which charts are deprecated`)
  }
  if (untagged && !adapter.listTags && !told) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} cannot list untagged artifacts`)
  }
  // Those that a list may lack: a pull-through cache lists only what was pulled.
  const named = new Set(told && told.tags !== 'all' ? told.tags : selection.tags)
  const exact = new Set(selection.tags)
  const listed: Listed = { exists: undefined, tags: [], attachments: [], infos: new Map(), untagged: [], seen: 0 }
  const consider = (tag: string, { labels, deprecated }: Pick<TagInfo, 'labels' | 'deprecated'> = {}): void => {
    if (!isTag(tag)) {
      odd.note(repository, tag, ctx)
      return
    }
    // `newest` compares them with all others.
    if (policy.filters.newest === undefined && !isTold(told, tag)) return
    const first = selection.tag(tag)
    const second = first.kept && selection.deprecated ? selection.deprecated(deprecated) : first
    const verdict = second.kept && selection.labels ? selection.labels(labels ?? []) : second
    named.delete(tag)
    if (!exact.has(tag) && attachmentSubject(tag)) {
      listed.attachments.push({ tag, verdict })
      return
    }
    listed.seen += 1
    explain({ repository, tag }, verdict)
    if (verdict.kept) listed.tags.push(tag)
  }
  const bare = new Set(untagged ? told?.digests : [])
  try {
    if (told && !needsList(told, discovery)) {
      // Only these are asked for, one by one.
    } else if (adapter.listTags && !areFew(policy, selection)) {
      for await (const info of adapter.listTags(repository, ctx, { untagged })) {
        if (typeof info === 'string') consider(info)
        else if (info.digest === undefined) consider(info.tag, info)
        else if (info.tag !== undefined) {
          listed.infos.set(info.tag, info)
          consider(info.tag, info)
        } else if (told && !bare.delete(info.digest)) continue
        else if (untagged && (selection.labels?.(info.labels ?? []).kept ?? true)) listed.untagged.push(info)
      }
      listed.exists = true
    } else if (!selection.tags) {
      for await (const tag of adapter.repository(repository).tags(ctx)) consider(tag)
      listed.exists = true
    }
  } catch (error) {
    if (!isNotFound(error)) throw error
    listed.exists = false
  }
  // A list may be incomplete: a pull-through cache lists only what was pulled. Named tags are resolved even if they are not listed.
  if (listed.exists !== false) for (const tag of named) consider(tag)
  if (!selection.labels) for (const digest of bare) listed.untagged.push({ digest })
  for (const [tag, digest] of selection.pinned) listed.infos.set(tag, { tag, digest })
  listed.seen += listed.untagged.length
  return listed
}

/** True where a filter needs what only a list has, or compares a tag with all others. */
function needsList({ tags }: ToldRepository, { policy, selection, source }: Discovery): boolean {
  const { newest, pushed_within, min_age, deprecated } = policy.filters
  const isDated = source.adapter.listTags !== undefined && (pushed_within ?? min_age) !== undefined
  return tags === 'all' || (newest ?? deprecated) !== undefined || selection.labels !== undefined || isDated
}

/** Up to this many named tags are resolved one by one instead of listing a repository that may be large. */
const FEW_TAGS = 4

/** True if the policy needs only the digests of a few named tags, and nothing else that a list has. */
function areFew({ filters }: Policy, selection: Selection): boolean {
  const { newest, pushed_within, min_age, untagged } = filters
  const needsMore =
    untagged ||
    (newest ?? pushed_within ?? min_age ?? filters.deprecated) !== undefined ||
    selection.labels !== undefined
  return !needsMore && selection.tags !== undefined && selection.tags.length <= FEW_TAGS
}

/** Applies the filters by age. Runs before `newest`, which counts only tags that may be copied now. */
export async function ofAge(
  listed: Pick<Found, 'tags' | 'infos' | 'untagged'>,
  repository: string,
  { ages, explain, source }: Pick<Discovery, 'ages' | 'explain' | 'source'>,
  ctx: Context,
): Promise<Pick<Found, 'tags' | 'infos' | 'untagged' | 'held' | 'failures'>> {
  const { tags, infos, untagged } = listed
  if (!ages) return { tags, infos, untagged, held: 0, failures: new Map() }
  const candidates = [
    ...tags.map((tag): Candidate => ({ tag, ...infoOf(infos.get(tag)) })),
    ...untagged.map((info): Candidate => ({ info })),
  ]
  const store: ContentStore = source.adapter.repository(repository)
  const { kept, dropped, held } = await ages.sift(repository, candidates, store, ctx)
  for (const { candidate, verdict } of dropped) {
    const { tag, info } = candidate
    explain({ repository, ...(tag === undefined ? { digest: info?.digest ?? '' } : { tag }) }, verdict)
  }
  const tagged = kept.flatMap(({ tag, info, failure }) => (tag === undefined ? [] : [{ tag, info, failure }]))
  return {
    tags: tagged.map(({ tag }) => tag),
    infos: new Map([...infos, ...tagged.flatMap(({ tag, info }) => (info ? [[tag, info] as const] : []))]),
    untagged: kept.flatMap(({ tag, info }) => (tag === undefined && info ? [info] : [])),
    held,
    failures: new Map(tagged.flatMap(({ tag, failure }) => (failure ? [[tag, failure] as const] : []))),
  }
}

function infoOf(info: TagInfo | undefined): Pick<Candidate, 'info'> {
  return info ? { info } : {}
}
