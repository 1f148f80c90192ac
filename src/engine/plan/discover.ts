/** What a policy's source has: its repositories, and the tags of one that the filters select. */

import type { TagInfo } from '../../core/adapter.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { isNotFound, type ReplicateError, UnsupportedError } from '../../core/errors.ts'
import { parseJson } from '../../core/foreign.ts'
import { contentsOf, isIndex } from '../../core/manifest.ts'
import type { Policy } from '../../core/policy.ts'
import { isAttachmentTag } from '../../core/reference.ts'
import { timeFrom } from '../../core/time.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Ages, Candidate } from './age.ts'
import { compareTags, type Selection, type Verdict, versionOf } from './filter.ts'

/** Told of everything that was seen, and which rule kept or dropped it. */
export type Explain = (
  resource: { readonly repository: string; readonly tag?: string; readonly digest?: string },
  verdict: Verdict,
) => void

/** Tags that were found, in the policy's order, with what the listing said of them. */
export interface Found {
  readonly tags: readonly string[]
  readonly infos: ReadonlyMap<string, Pick<TagInfo, 'digest' | 'mediaType'>>
  /** Artifacts without a tag, where they are wanted. */
  readonly untagged: readonly Pick<TagInfo, 'digest' | 'mediaType'>[]
  /** What was seen before filters: tags, and untagged artifacts where they are wanted. */
  readonly seen: number
  /** How many the filters select, but for their age: they come later. */
  readonly held: number
  /** Tags whose age could not be found out, with the reason: they must not be copied. */
  readonly failures: ReadonlyMap<string, ReplicateError>
}

/** The repositories that the policy selects, each once. Names without wildcards are taken as they are. */
export async function* selectRepositories(
  policy: Policy,
  selection: Selection,
  source: Endpoint,
  explain: Explain,
  ctx: Context,
): AsyncIterable<string> {
  const { adapter, registry, type } = source
  if (!selection.repositories && !adapter.repositories) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} cannot list its repositories`, {
      hint: 'name them in the filter: name: [group/app, …]',
    })
  }
  const wanted = { namespaces: policy.source.namespaces ?? [], names: policy.filters.name ?? [] }
  const names = selection.repositories ?? adapter.repositories?.(wanted, ctx) ?? []
  const known = new Set<string>()
  for await (const repository of names) {
    if (known.has(repository)) continue
    known.add(repository)
    const verdict = selection.repository(repository)
    explain({ repository }, verdict)
    if (verdict.kept) yield repository
  }
}

/** The tags of a repository that the policy selects. A repository that is named but not there is a warning and has none. */
export async function selectTags(
  policy: Policy,
  selection: Selection,
  source: Endpoint,
  repository: string,
  explain: Explain,
  ctx: Context,
  ages?: Ages,
): Promise<Found> {
  const store = source.adapter.repository(repository)
  const infos = new Map<string, TagInfo>()
  const tags: string[] = []
  const untagged: TagInfo[] = []
  let seen = 0
  const consider = (tag: string, labels?: readonly string[]): void => {
    if (!isAttachmentTag(tag)) seen += 1
    const named = selection.tag(tag)
    const verdict = named.kept && selection.labels ? selection.labels(labels ?? []) : named
    explain({ repository, tag }, verdict)
    if (verdict.kept) tags.push(tag)
  }
  try {
    if (selection.labels && !source.adapter.listTags) {
      throw new UnsupportedError(`registry ${source.registry.name}: ${source.type.name} has no labels`)
    }
    if (source.adapter.listTags && !areFew(policy, selection)) {
      const wanted = { untagged: policy.filters.untagged }
      for await (const info of source.adapter.listTags(repository, ctx, wanted)) {
        if (typeof info === 'string') consider(info)
        else if (info.tag === undefined) {
          if (!selection.labels || selection.labels(info.labels ?? []).kept) untagged.push(info)
        } else {
          infos.set(info.tag, info)
          consider(info.tag, info.labels)
        }
      }
    } else if (selection.tags) {
      for (const tag of selection.tags) consider(tag)
    } else {
      for await (const tag of store.tags(ctx)) consider(tag)
    }
  } catch (error) {
    if (!isNotFound(error)) throw error
    const level = selection.repositories ? 'warning' : 'debug'
    ctx.emit({ type: 'log', level, text: `${source.registry.name}/${repository} is not there` })
  }
  if (policy.filters.untagged && !source.adapter.listTags) {
    throw new UnsupportedError(`registry ${source.registry.name}: ${source.type.name} cannot list untagged artifacts`)
  }
  if (!policy.filters.untagged) untagged.length = 0
  for (const { digest } of untagged) explain({ repository, digest }, { kept: true, rule: 'untagged: true' })
  const aged = await ofAge({ tags, infos, untagged }, repository, store, explain, ctx, ages)
  const sorted = [...aged.tags].sort(await orderOf(policy, aged.tags, infos, store, ctx))
  const newest = policy.filters.newest
  const chosen = newest === undefined ? sorted : sorted.slice(Math.max(0, sorted.length - newest))
  for (const tag of sorted.slice(0, sorted.length - chosen.length)) {
    explain({ repository, tag }, { kept: false, rule: `newest: ${newest}` })
  }
  if (policy.order === 'newest') chosen.reverse()
  return { ...aged, tags: chosen, seen: seen + untagged.length }
}

/** Named tags up to this many are asked for one by one, where a list of the whole repository might be long. */
const FEW_TAGS = 4

/** True where nothing but the digests of a few named tags is wanted of the source's list. */
function areFew({ filters }: Policy, selection: Selection): boolean {
  const { newest, pushed_within, min_age, untagged } = filters
  const needsMore = untagged || (newest ?? pushed_within ?? min_age) !== undefined || selection.labels !== undefined
  return !needsMore && selection.tags !== undefined && selection.tags.length <= FEW_TAGS
}

interface Listed {
  readonly tags: readonly string[]
  readonly infos: ReadonlyMap<string, TagInfo>
  readonly untagged: readonly TagInfo[]
}

/** What the filters by age let through; before `newest`, so that the newest of those is the newest that may be copied. */
async function ofAge(
  listed: Listed,
  repository: string,
  store: ContentStore,
  explain: Explain,
  ctx: Context,
  ages: Ages | undefined,
): Promise<Omit<Found, 'seen'>> {
  if (!ages) return { ...listed, held: 0, failures: new Map() }
  const candidates = [
    ...listed.tags.map((tag): Candidate => ({ tag, ...infoOf(listed.infos.get(tag)) })),
    ...listed.untagged.map((info): Candidate => ({ info })),
  ]
  const { kept, dropped, held } = await ages.sift(repository, candidates, store, ctx)
  for (const { candidate, verdict } of dropped) {
    const { tag, info } = candidate
    explain({ repository, ...(tag === undefined ? { digest: info?.digest ?? '' } : { tag }) }, verdict)
  }
  const tagged = kept.flatMap(({ tag, info, failure }) => (tag === undefined ? [] : [{ tag, info, failure }]))
  return {
    tags: tagged.map(({ tag }) => tag),
    infos: new Map(tagged.flatMap(({ tag, info }) => (info ? [[tag, info] as const] : []))),
    untagged: kept.flatMap(({ tag, info }) => (tag === undefined && info ? [info] : [])),
    held,
    failures: new Map(tagged.flatMap(({ tag, failure }) => (failure ? [[tag, failure] as const] : []))),
  }
}

function infoOf(info: TagInfo | undefined): Pick<Candidate, 'info'> {
  return info ? { info } : {}
}

type Compare = (a: string, b: string) => number

/** Oldest first: by version where all are versions, else by time where times are known or `newest` needs them. */
async function orderOf(
  policy: Policy,
  tags: readonly string[],
  infos: ReadonlyMap<string, TagInfo>,
  store: ContentStore,
  ctx: Context,
): Promise<Compare> {
  if (tags.length < 2 || tags.every((tag) => versionOf(tag))) return compareTags
  const times = new Map<string, number>()
  for (const tag of tags) {
    const info = infos.get(tag)
    const time =
      info?.pushed ??
      info?.created ??
      (policy.filters.newest === undefined ? undefined : await createdAt(store, tag, ctx))
    if (time) times.set(tag, time.getTime())
    else if (policy.filters.newest !== undefined) {
      ctx.emit({ type: 'log', level: 'warning', text: `the time of tag ${tag} is unknown, it counts as oldest` })
    }
  }
  if (times.size === 0) return compareTags
  return (a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0) || compareTags(a, b)
}

/** The largest config that is read for its time, in bytes. */
const MAX_CONFIG_SIZE = 4 * 1024 * 1024

/** When an image says it was made: its annotation, else its config's `created`; of an index, its first child's. */
async function createdAt(store: ContentStore, tagOrDigest: string, ctx: Context): Promise<Date | undefined> {
  const manifest = await store.readManifest(tagOrDigest, ctx)
  const { annotations, manifests, blobs } = contentsOf(manifest)
  const annotated = timeFrom(annotations?.['org.opencontainers.image.created'])
  if (annotated) return annotated
  const child = manifests[0]
  if (isIndex(manifest.mediaType)) return child ? createdAt(store, child.digest, ctx) : undefined
  const config = blobs[0]
  if (!config || config.size > MAX_CONFIG_SIZE) return undefined
  const chunks: Uint8Array[] = []
  for await (const chunk of await store.readBlob(config, 0, ctx)) chunks.push(Buffer.from(chunk))
  try {
    const json = parseJson(Buffer.concat(chunks))
    return timeFrom((json as { created?: unknown } | null)?.created)
  } catch {
    return undefined
  }
}
