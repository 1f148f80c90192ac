/** Compares both sides of a policy, artifact by artifact, and says where the destination is not what the source is. */

import { forEachConcurrent, mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Descriptor, Digest } from '../../core/descriptor.ts'
import type { Difference, Verification } from '../../core/drift.ts'
import { onSide, PrepareError } from '../../core/errors.ts'
import { isIndex, isSchema1 } from '../../core/manifest.ts'
import type { TaskSpec } from '../../core/plan.ts'
import { formatResource } from '../../core/reference.ts'
import { lacksPlatforms, resourceTypeOf } from '../artifact.ts'
import { createAges } from '../plan/age.ts'
import { attachmentsOfTheirOwn, takenIn } from '../plan/attachments.ts'
import { shardOf } from '../plan/comparison.ts'
import { selectRepositories, selectTags } from '../plan/discover.ts'
import { emptySelection } from '../plan/empty.ts'
import { mapRepository } from '../plan/mapping.ts'
import { createOddNames } from '../plan/odd-names.ts'
import { stagePing } from '../plan/prepare.ts'
import { placeOf } from '../plan/preview.ts'
import { compareContent } from '../same.ts'
import { imageGroups } from './images.ts'
import { createInspect, type Finding, type Inspect } from './inspect.ts'
import { ARTIFACTS_AT_ONCE } from './reading.ts'
import {
  type Artifact,
  differenceOf,
  findingOf,
  type Group,
  missingNames,
  type Verifying,
  type VerifyRequest,
  verifyingOf,
} from './verifying.ts'

const REPOSITORIES_AT_ONCE = 4

/** Tells `found` each difference when it is seen. Throws where a registry cannot be reached; writes nothing anywhere. */
export async function verify(
  request: VerifyRequest,
  found: (difference: Difference) => void,
  ctx: Context,
): Promise<Verification> {
  const { policy, source, destination, reading } = request
  const atOnce = reading?.artifactsAtOnce ?? ARTIFACTS_AT_ONCE
  await stagePing(source, [{ policy, destination }], ctx)
  const verifying = verifyingOf(request)
  const differences: Difference[] = []
  const repairs: TaskSpec[] = []
  let compared = 0
  const tell = (difference: Difference): void => {
    differences.push(difference)
    found(difference)
  }
  const check = async (group: Group, by: Verifying): Promise<void> => {
    const inspect = inspectionOf(group, by)
    const outcomes = mapConcurrent(group.artifacts, atOnce, (artifact) => verifyArtifact(artifact, inspect, by, ctx))
    for await (const { findings, repair, dropped } of outcomes) {
      if (!dropped) compared += 1
      for (const difference of findings) tell(difference)
      if (repair) repairs.push(repair)
    }
  }
  const groups = artifactsOf(verifying, tell, ctx)
  await forEachConcurrent(groups, REPOSITORIES_AT_ONCE, (group) => check(group, verifying))
  const images = imageGroups(verifying, tell, ctx)
  await forEachConcurrent(images, REPOSITORIES_AT_ONCE, ({ group, by }) => check(group, by))
  for (const difference of await missingNames(verifying, compared)) tell(difference)
  const isWhole = !request.shard && !request.narrow && !request.only
  if (isWhole && compared === 0 && differences.length === 0 && !policy.allow_empty)
    throw emptySelection(policy, source, verifying.repositories.length, undefined, false)
  return {
    policy: policy.name,
    source: source.registry.name,
    destination: placeOf(destination.registry.name, policy.destination.namespace ?? policy.destination.repository),
    compared,
    differences,
    repairs,
  }
}

/** What was found of one policy at its destinations, as one. */
export function mergeVerifications(results: readonly Verification[]): Verification {
  const [first] = results
  if (!first) throw new TypeError('nothing was verified')
  return {
    ...first,
    destination: results.map((one) => one.destination).join(', '),
    compared: results.reduce((sum, one) => sum + one.compared, 0),
    differences: results.flatMap((one) => one.differences),
    repairs: results.flatMap((one) => one.repairs),
  }
}

/** By repository. A repository that cannot be listed is a difference; the others are still compared. */
async function* artifactsOf(
  verifying: Verifying,
  tell: (difference: Difference) => void,
  ctx: Context,
): AsyncIterable<Group> {
  const { request, selection, memory, missing } = verifying
  const { policy, source, destination } = request
  if (request.only) {
    const { name } = destination.registry
    const isOurs = ({ destination, named_by }: TaskSpec) => destination.registry === name && named_by === undefined
    yield* groupsOf(request.only.filter(isOurs))
    return
  }
  const ages = createAges(policy, source, request.records?.firstSeen, Date.now())
  const isMine = request.shard ? shardOf(request.shard) : () => true
  const explain = (): void => {}
  const odd = createOddNames(source.registry.name, explain)
  const discovery = { policy, selection, source, destination, memory, explain, odd, ages }
  for await (const repository of selectRepositories(discovery, ctx)) {
    verifying.repositories.push(repository)
    const mapped = mapRepository(repository, policy.destination)
    const { tag } = policy.destination
    const at = (own: string | undefined) => ({ repository: mapped, ...(own === undefined ? {} : { tag: own }) })
    if (selection.digest !== undefined) {
      // The configuration has checked that it is a digest.
      const from = { repository, digest: selection.digest as Digest }
      if (isMine(repository, from.digest))
        yield { repository, mapped, artifacts: [{ name: from.digest, from, to: at(tag) }] }
      continue
    }
    try {
      const found = await selectTags(repository, discovery, ctx)
      if (found.exists === false && selection.repositories) missing.lacksRepository(repository)
      // A named tag that another filter has dropped is not missing.
      else for (const named of selection.tags ?? []) if (!found.tags.includes(named)) missing.found(named)
      const attached = found.attachments.length > 0
      const taken = attached ? await takenIn(found, repository, discovery, ctx) : []
      const alone = attached
        ? await attachmentsOfTheirOwn(found.attachments, taken, repository, mapped, discovery, ctx)
        : []
      const tagged = [...found.tags, ...alone].filter((own) => isMine(repository, own))
      const untagged = found.untagged.filter(({ digest }) => isMine(repository, digest))
      const artifacts = [
        ...tagged.map((own): Artifact => {
          const digest = selection.pinned.get(own)
          return { name: own, from: { repository, ...(digest ? { digest } : { tag: own }) }, to: at(tag ?? own) }
        }),
        ...untagged.map(({ digest }): Artifact => ({ from: { repository, digest }, to: at(tag) })),
      ]
      yield { repository, mapped, artifacts }
    } catch (error) {
      // The source may have the named tags.
      for (const named of selection.tags ?? []) missing.found(named)
      const artifact = { from: { repository }, to: { repository: mapped } }
      tell(differenceOf(findingOf(error), artifact, source, destination))
    }
  }
}

function groupsOf(tasks: readonly TaskSpec[]): Iterable<Group> {
  const groups = new Map<string, Group & { readonly artifacts: Artifact[] }>()
  for (const { source, destination, digest } of tasks) {
    const key = `${source.repository} ${destination.repository}`
    const group = groups.get(key) ?? { repository: source.repository, mapped: destination.repository, artifacts: [] }
    groups.set(key, group)
    const { repository, tag } = source
    const named = tag === undefined ? { ...(digest === undefined ? {} : { digest }) } : { tag }
    const to = destination.tag === undefined ? {} : { tag: destination.tag }
    group.artifacts.push({ from: { repository, ...named }, to: { repository: destination.repository, ...to } })
  }
  return groups.values()
}

function inspectionOf({ repository, mapped }: Group, { request, selection }: Verifying): Inspect {
  const { policy, source, destination, reading } = request
  const { name } = destination.registry
  return createInspect({
    source: source.adapter.repository(repository),
    destination: destination.adapter.repository(mapped),
    // A narrowed index has the wanted children only.
    keep: selection.narrows ? undefined : selection.children,
    foreignLayers: policy.foreign_layers,
    referrers: policy.referrers !== false,
    read: reading && ((blob, ctx) => reading.read({ registry: name, repository: mapped, blob }, ctx)),
  })
}

interface Verified {
  readonly findings: readonly Difference[]
  readonly repair?: TaskSpec
  /** The filters do not take it, or the source does not have it. */
  readonly dropped?: true
}

async function verifyArtifact(
  artifact: Artifact,
  inspect: Inspect,
  verifying: Verifying,
  ctx: Context,
): Promise<Verified> {
  const { source, destination, policy, repair } = verifying.request
  const say = (finding: Finding): Difference => differenceOf(finding, artifact, source, destination)
  try {
    const now = await expectedOf(artifact, verifying, ctx).catch((error: unknown) => {
      // The store names its side: what is left is about the content that the source gave.
      throw onSide(error, 'source', source.registry.name)
    })
    if (!now) return { findings: [], dropped: true }
    const { at, digest } = now
    const { from } = artifact
    await verifying.named?.note({ ...from, digest: at.digest, mediaType: at.mediaType }, ctx)
    const to = destination.adapter.repository(artifact.to.repository)
    const old = await to.resolve(artifact.to.tag ?? digest, ctx)
    const findings = await findingsOf(now, old, artifact, inspect, verifying, ctx)
    const isFixed = findings.some(({ kind }) => kind === 'differs') && !policy.override
    if (findings.length === 0 || !repair || isFixed) return { findings: findings.map(say) }
    return { findings: findings.map(say), repair: await repairOf(artifact, at, old, findings, verifying, ctx) }
  } catch (error) {
    if (artifact.name !== undefined) verifying.missing.found(artifact.name)
    return { findings: [say(findingOf(error))] }
  }
}

interface Expected {
  /** At the source. */
  readonly at: Descriptor
  /** At the destination: another one where the index is narrowed. */
  readonly digest: Digest
}

async function expectedOf(
  { name, from, named_by }: Artifact,
  verifying: Verifying,
  ctx: Context,
): Promise<Expected | undefined> {
  const { source, policy } = verifying.request
  const { selection, memory, narrowing, resource } = verifying
  const store = source.adapter.repository(from.repository)
  const at = await store.resolve(from.tag ?? from.digest ?? '', ctx)
  if (!at) {
    const text = `${formatResource({ registry: source.registry.name, ...from })} is not there`
    if (named_by !== undefined && policy.missing !== 'warn') throw new PrepareError(`${text}, and ${named_by} names it`)
    ctx.emit({ type: 'log', level: 'warning', text })
    return undefined
  }
  if (name !== undefined) verifying.missing.found(name)
  const needed = policy.filters.resource !== 'all' || verifying.request.narrow?.resource !== undefined
  if ((needed || (selection.platform && isIndex(at.mediaType))) && !isSchema1(at.mediaType)) {
    const manifest = await store.readManifest(at.digest, ctx)
    memory.keep(from.repository, manifest)
    if (!resource(resourceTypeOf(manifest))) return undefined
    if (selection.platform && lacksPlatforms(manifest, selection.platform)) return undefined
  }
  const digest = narrowing ? await narrowing.expected(at, from.repository, ctx) : at.digest
  return digest && { at, digest }
}

async function findingsOf(
  { at, digest }: Expected,
  old: Descriptor | undefined,
  artifact: Artifact,
  inspect: Inspect,
  { request }: Verifying,
  ctx: Context,
): Promise<readonly Finding[]> {
  if (isSchema1(at.mediaType)) {
    return [{ kind: 'unreadable', digest, message: 'Docker schema 1 images are not supported' }]
  }
  if (!old) return [{ kind: 'missing_tag', digest, message: 'missing' }]
  const { source, destination, records } = request
  const { mediaType } = at
  const here = { store: source.adapter.repository(artifact.from.repository), digest, tag: artifact.from.tag, mediaType }
  const there = {
    store: destination.adapter.repository(artifact.to.repository),
    digest: old.digest,
    tag: artifact.to.tag,
  }
  const { override, referrers } = request.policy
  const looking = { names: records?.names, beside: referrers !== false, fresh: true, again: true }
  const sameness = await compareContent(here, there, looking, ctx)
  if (sameness !== 'same') {
    const kept = override ? '' : ' (override: false keeps it)'
    const what = sameness === 'lacking' ? 'lacks the provenance' : `differs: is ${old.digest}, should be ${digest}`
    return [{ kind: 'differs', digest, message: `${what}${kept}` }]
  }
  return inspect(old, { made: old.digest !== at.digest }, ctx)
}

async function repairOf(
  { from, to, named_by }: Artifact,
  at: Descriptor,
  old: Descriptor | undefined,
  findings: readonly Finding[],
  { request, memory }: Verifying,
  ctx: Context,
): Promise<TaskSpec> {
  const { source, destination } = request
  const store = source.adapter.repository(from.repository)
  const manifest = memory.peek(from.repository, at.digest) ?? (await store.readManifest(at.digest, ctx))
  const { repository, tag } = from
  const damaged = findings.flatMap(({ kind, digest }) => (kind === 'damaged_blob' && digest ? [digest] : []))
  const more = findings.length > 1 ? ` and ${findings.length - 1} more` : ''
  return {
    action: old ? 'update' : 'copy',
    resource_type: resourceTypeOf(manifest),
    source: { registry: source.registry.name, repository, ...(tag === undefined ? {} : { tag }) },
    destination: { registry: destination.registry.name, ...to },
    digest: at.digest,
    media_type: at.mediaType,
    ...(old ? { previous_digest: old.digest } : {}),
    ...(damaged.length > 0 ? { damaged } : {}),
    ...(named_by === undefined ? {} : { named_by }),
    reason: `repair: ${findings[0]?.message}${more}`,
  }
}
