/** What a place holds: its repositories, or the tags of those that are named. Writes nothing, and reads manifests only where it is told to. */

import type { TagInfo } from '../../core/adapter.ts'
import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Digest } from '../../core/descriptor.ts'
import {
  CancelledError,
  CredentialError,
  describeError,
  isNotFound,
  NetworkError,
  ReplicateError,
  UnsupportedError,
} from '../../core/errors.ts'
import type { Listed } from '../../core/inventory.ts'
import type { Policy } from '../../core/policy.ts'
import { attachmentSubject, cutDigest } from '../../core/reference.ts'
import type { Endpoint } from '../endpoint.ts'
import { type Discovery, selectRepositories, selectTags } from '../plan/discover.ts'
import { selectionOf } from '../plan/filter.ts'
import { createOddNames } from '../plan/odd-names.ts'
import { describe } from './describe.ts'

/** Repositories asked for their tags at once, and artifacts looked into at once. */
const REPOSITORIES_AT_ONCE = 4
const ARTIFACTS_AT_ONCE = 8

/** The repositories that the policy's filters match, as they are found. */
export async function* listRepositories(policy: Policy, source: Endpoint, ctx: Context): AsyncIterable<string> {
  const discovery = discoveryOf(policy, source)
  yield* selectRepositories(discovery, ctx)
  discovery.odd.report(ctx)
}

/** The artifacts that the policy's filters match. `details`: each is looked into, and what refers to a listed one is not listed itself.
 *  A named tag or digest that is not there has an `error`, like one that cannot be read. */
export async function* listArtifacts(
  policy: Policy,
  source: Endpoint,
  options: { readonly details: boolean },
  ctx: Context,
): AsyncIterable<Listed> {
  const discovery = discoveryOf(policy, source)
  const groups = mapConcurrent(selectRepositories(discovery, ctx), REPOSITORIES_AT_ONCE, async (repository) => ({
    repository,
    ...(await candidatesIn(repository, discovery, ctx)),
  }))
  for await (const { repository, tagged, others, attachments } of groups) {
    const family = new Set<string>()
    const look = (one: Candidate): Promise<Listed | undefined> =>
      listedOf(one, repository, discovery, options.details, family, ctx)
    yield* present(mapConcurrent(tagged, ARTIFACTS_AT_ONCE, look))
    // Whatever hangs on an artifact that was listed has been listed with it.
    const subjects = new Set([...family].map((digest) => cutDigest(digest as Digest)))
    const alone = attachments.filter(({ tag }) => !subjects.has(attachmentSubject(tag) ?? ':'))
    const rest = [...others.filter(({ info }) => !family.has(info?.digest ?? '')), ...alone]
    yield* present(mapConcurrent(rest, ARTIFACTS_AT_ONCE, look))
  }
  discovery.odd.report(ctx)
}

async function* present(all: AsyncIterable<Listed | undefined>): AsyncIterable<Listed> {
  for await (const one of all) if (one) yield one
}

/** What may be listed: by tag, by digest, or both. */
interface Candidate {
  readonly tag?: string
  readonly info?: Pick<TagInfo, 'digest' | 'mediaType' | 'ref' | 'absent'> | undefined
}

interface Candidates {
  readonly tagged: readonly Candidate[]
  readonly others: readonly Candidate[]
  readonly attachments: readonly (Candidate & { readonly tag: string })[]
}

function discoveryOf(policy: Policy, source: Endpoint): Discovery {
  const selection = selectionOf(policy)
  const { registry, type, adapter } = source
  if (!selection.repositories && !adapter.repositories) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} cannot list its repositories`, {
      hint: `name one: replicate ls ${registry.name}/group/app`,
    })
  }
  const explain = (): void => {}
  return { policy, selection, source, explain, odd: createOddNames(registry.name, explain), ages: undefined }
}

async function candidatesIn(repository: string, discovery: Discovery, ctx: Context): Promise<Candidates> {
  const { selection, source } = discovery
  // A layout tells of each what other tools call it.
  const infos = source.registry.path === undefined ? new Map() : await infosIn(repository, source, ctx)
  if (selection.digest !== undefined) {
    // The reference was checked: it is a digest.
    const digest = selection.digest as Digest
    return { tagged: [{ info: infos.get(digest) ?? { digest } }], others: [], attachments: [] }
  }
  const found = await selectTags(repository, discovery, ctx)
  const infoOf = (tag: string): Candidate['info'] => found.infos.get(tag) ?? infos.get(tag)
  const tagged = found.tags.map((tag): Candidate => ({ tag, info: infoOf(tag) }))
  if (found.exists === false && selection.repositories && tagged.length === 0) tagged.push({})
  return {
    tagged,
    others: found.untagged.map((info): Candidate => ({ info })),
    attachments: found.attachments.filter(({ verdict }) => verdict.kept).map(({ tag }) => ({ tag, info: infoOf(tag) })),
  }
}

/** By tag and by digest; empty for a repository that is not there. Throws where there is no layout. */
async function infosIn(
  repository: string,
  { adapter }: Endpoint,
  ctx: Context,
): Promise<ReadonlyMap<string, Candidate['info']>> {
  const infos = new Map<string, TagInfo>()
  for await (const _ of adapter.repositories?.({ namespaces: [], names: [repository] }, ctx) ?? []) break
  try {
    for await (const info of adapter.listTags?.(repository, ctx, { untagged: true }) ?? []) {
      if (typeof info === 'string' || info.digest === undefined) continue
      if (!infos.has(info.digest)) infos.set(info.digest, info)
      if (info.tag !== undefined) infos.set(info.tag, info)
    }
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return infos
}

async function listedOf(
  { tag, info }: Candidate,
  repository: string,
  { source, selection }: Discovery,
  details: boolean,
  family: Set<string>,
  ctx: Context,
): Promise<Listed | undefined> {
  const plain = {
    repository,
    tag: tag ?? null,
    ref: info?.ref ?? null,
    digest: info?.digest ?? null,
    media_type: info?.mediaType ?? null,
    absent: info?.absent ?? [],
    details: null,
    error: null,
  }
  if (tag === undefined && !info) return { ...plain, error: `there is no such repository in ${source.registry.name}` }
  const isNamed = selection.digest !== undefined || (tag !== undefined && selection.tags !== undefined)
  if (!details && !isNamed) return plain
  const store = source.adapter.repository(repository)
  try {
    const found = await store.resolve(info?.digest ?? tag ?? '', ctx)
    // Of several repositories not each has the tag.
    if (!found) return selection.repositories ? { ...plain, error: `is not in ${source.registry.name}` } : undefined
    const known = { ...plain, digest: found.digest, media_type: found.mediaType }
    return details ? { ...known, details: await describe(found.digest, store, ctx, family) } : known
  } catch (error) {
    const isWhole = error instanceof NetworkError || error instanceof CredentialError || error instanceof CancelledError
    if (!(error instanceof ReplicateError) || isWhole) throw error
    return { ...plain, error: describeError(error) }
  }
}
