/** What a policy's filters select at its source right now, by digest, and what of it is gone: for a look at a source that is repeated. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { ContentStore } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import { type Digest, parseDigest } from '../../core/descriptor.ts'
import { isNotFound, RegistryError, ReplicateError } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import type { FirstSeen } from '../../history/history.ts'
import { resourceTypeOf } from '../artifact.ts'
import type { Endpoint } from '../endpoint.ts'
import { createAges } from '../plan/age.ts'
import { type Discovery, selectRepositories, selectTags } from '../plan/discover.ts'
import { type Selection, selectionOf } from '../plan/filter.ts'
import { createOddNames } from '../plan/odd-names.ts'

/** What the filters but `newest` select of one repository. An artifact is named by its tag, or by its digest where it has none or the policy names that. */
export interface Selected {
  /** False: the source says that it does not have the repository. */
  readonly exists: boolean
  /** Nothing was listed at all. */
  readonly isEmpty: boolean
  readonly artifacts: ReadonlyMap<string, Digest>
  /** Tags that the source has and the filters leave out. */
  readonly left: ReadonlySet<string>
  /** Why the digests of some could not be had. */
  readonly failures: ReadonlyMap<string, ReplicateError>
}

export interface Look {
  /** Each once; names without wildcards as they are. */
  repositories(ctx: Context): AsyncIterable<string>
  /** Throws where the repository cannot be listed. */
  select(repository: string, ctx: Context): Promise<Selected>
  /** Whether the source has what goes by that name, whatever its list says. */
  has(repository: string, name: string, ctx: Context): Promise<boolean>
  /** The tags that `newest` leaves; undefined where the policy has no such filter. Reads what tells their age. */
  newest(repository: string, ctx: Context): Promise<ReadonlySet<string> | undefined>
  /** Whether the policy wants artifacts of its type. Reads the manifest only where that matters. */
  isOfType(repository: string, digest: Digest, ctx: Context): Promise<boolean>
}

/** Digests asked for at once; the host's own limits decide how many requests that is. */
const ASKED_AT_ONCE = 64
/** Where more digests of a repository cannot be had than this, the repository cannot be listed. */
const MOST_FAILURES = 20

/** `now`: milliseconds since 1970, from which ages are counted. */
export function createLook(policy: Policy, source: Endpoint, firstSeen: FirstSeen, now: number): Look {
  const selection = selectionOf(policy)
  /** By repository that is being listed: tags that a filter has dropped. */
  const dropped = new Map<string, Set<string>>()
  const whole: Discovery = {
    policy,
    selection,
    source,
    explain({ repository, tag }, { kept }) {
      if (!kept && tag !== undefined) dropped.get(repository)?.add(tag)
    },
    odd: createOddNames(source.registry.name, () => {}),
    ages: createAges(policy, source, firstSeen, now),
  }
  const { newest, ...filters } = policy.filters
  const discovery: Discovery = { ...whole, policy: { ...policy, filters } }
  const storeOf = (repository: string): ContentStore => source.adapter.repository(repository)
  return {
    repositories: (ctx) => selectRepositories(discovery, ctx),
    async select(repository, ctx) {
      if (selection.digest !== undefined) return named(selection, storeOf(repository), ctx)
      const left = new Set<string>()
      dropped.set(repository, left)
      try {
        return { ...(await selected(repository, discovery, ctx)), left }
      } finally {
        dropped.delete(repository)
      }
    },
    has: async (repository, name, ctx) => (await storeOf(repository).resolve(name, ctx)) !== undefined,
    newest: async (repository, ctx) =>
      newest === undefined ? undefined : new Set((await selectTags(repository, whole, ctx)).tags),
    async isOfType(repository, digest, ctx) {
      const { resource } = policy.filters
      if (resource === 'all') return true
      return resourceTypeOf(await storeOf(repository).readManifest(digest, ctx)) === resource
    },
  }
}

async function selected(repository: string, discovery: Discovery, ctx: Context): Promise<Omit<Selected, 'left'>> {
  const { source, policy } = discovery
  const found = await selectTags(repository, discovery, ctx)
  // They travel with images that are selected; one that comes later is news, too.
  const attachments = policy.referrers === false ? [] : found.attachments.map(({ tag }) => tag)
  const artifacts = new Map<string, Digest>()
  const failures = new Map<string, ReplicateError>(found.failures)
  const store = source.adapter.repository(repository)
  const looked = mapConcurrent([...found.tags, ...attachments], ASKED_AT_ONCE, async (tag) => {
    const known = found.infos.get(tag)?.digest
    if (known !== undefined || failures.has(tag)) return { tag, digest: known }
    return { tag, digest: await digestOf(tag, store, failures, ctx) }
  })
  for await (const { tag, digest } of looked) if (digest !== undefined) artifacts.set(tag, digest)
  for (const { digest } of found.untagged) artifacts.set(digest, digest)
  const isEmpty = found.exists === true && found.seen === 0 && found.attachments.length === 0
  return { exists: found.exists !== false, isEmpty, artifacts, failures }
}

/** Undefined for a tag that is not there, and where its digest cannot be had, which is then among the failures. */
async function digestOf(
  tag: string,
  store: ContentStore,
  failures: Map<string, ReplicateError>,
  ctx: Context,
): Promise<Digest | undefined> {
  try {
    return (await store.resolve(tag, ctx))?.digest
  } catch (error) {
    // What concerns one tag is told by the registry's answer to it; anything else concerns all.
    const isOfOne = error instanceof RegistryError && !error.retryable && failures.size < MOST_FAILURES
    if (!isOfOne || ctx.signal.aborted) throw error
    failures.set(tag, error)
    return undefined
  }
}

/** The artifact that the policy names by its digest. */
async function named({ digest = '' }: Selection, store: ContentStore, ctx: Context): Promise<Selected> {
  const nothing = { isEmpty: false, left: new Set<string>(), failures: new Map<string, ReplicateError>() }
  try {
    const found = await store.resolve(digest, ctx)
    const parsed = parseDigest(digest)
    return { ...nothing, exists: true, artifacts: new Map(found && parsed ? [[digest, parsed]] : []) }
  } catch (error) {
    if (!(error instanceof ReplicateError) || !isNotFound(error)) throw error
    return { ...nothing, exists: false, artifacts: new Map() }
  }
}
