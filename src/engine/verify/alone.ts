/** Checks one place by itself: everything that its artifacts name is there, as long as it says, and hashes to its digest. */

import { mapConcurrent } from '../../core/concurrent.ts'
import type { Context } from '../../core/context.ts'
import type { Damage, Soundness } from '../../core/drift.ts'
import type { Listed } from '../../core/inventory.ts'
import { detectMediaType } from '../../core/manifest.ts'
import type { Policy } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import type { Endpoint } from '../endpoint.ts'
import { listArtifacts } from '../list/list.ts'
import { createInspect, type Finding, type Inspect } from './inspect.ts'
import { ARTIFACTS_AT_ONCE, type Reading } from './reading.ts'
import { findingOf } from './verifying.ts'

export interface AloneRequest {
  /** What of it. */
  readonly policy: Policy
  readonly source: Endpoint
  /** Reads every blob, instead of asking whether it is there. */
  readonly reading: Reading | undefined
}

/** Tells `found` each damage when it is seen. Throws where the place cannot be read at all; writes nothing. */
export async function verifyAlone(
  { policy, source, reading }: AloneRequest,
  found: (damage: Damage) => void,
  ctx: Context,
): Promise<Soundness> {
  const { name } = source.registry
  const sizes = new Map<string, number>()
  const homes = new Map<string, Map<string, Promise<readonly Finding[]>>>()
  const inspections = new Map<string, Promise<Inspect>>()
  /** Blobs that repositories share are read once. */
  const inspect = async (repository: string): Promise<Inspect> => {
    const store = source.adapter.repository(repository)
    const home = (await source.adapter.blobHome?.(repository)) ?? repository
    const seen = homes.get(home) ?? new Map()
    homes.set(home, seen)
    return createInspect({
      source: store,
      destination: store,
      keep: undefined,
      foreignLayers: false,
      referrers: true,
      read: reading && ((blob, context) => reading.read({ registry: name, repository, blob }, context)),
      seen,
      looked: ({ digest, size }) => sizes.set(`${home} ${digest}`, size),
    })
  }
  const inspectionOf = (repository: string): Promise<Inspect> => {
    const known = inspections.get(repository) ?? inspect(repository)
    inspections.set(repository, known)
    return known
  }
  const check = async (one: Listed): Promise<readonly Damage[]> => {
    const findings = await findingsOf(one, source, inspectionOf, ctx)
    const { repository, tag, digest } = one
    const image = formatResource({
      registry: repository,
      repository: '',
      tag: tag ?? undefined,
      digest: digest ?? undefined,
    })
    return findings.map((finding) => damageOf(finding, image))
  }
  let artifacts = 0
  const differences: Damage[] = []
  const listed = listArtifacts(policy, source, { details: false }, ctx)
  for await (const damages of mapConcurrent(listed, reading?.artifactsAtOnce ?? ARTIFACTS_AT_ONCE, check)) {
    artifacts += 1
    for (const damage of damages) {
      differences.push(damage)
      found(damage)
    }
  }
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  return { place: source.registry.name, artifacts, blobs: sizes.size, bytes, differences }
}

async function findingsOf(
  { repository, tag, digest, media_type, absent, error }: Listed,
  source: Endpoint,
  inspectionOf: (repository: string) => Promise<Inspect>,
  ctx: Context,
): Promise<readonly Finding[]> {
  if (error !== null) return [{ kind: 'unreadable', digest: digest ?? '', message: error }]
  const store = source.adapter.repository(repository)
  try {
    const root = digest ?? (await store.resolve(tag ?? '', ctx))?.digest
    if (root === undefined) return [{ kind: 'missing_tag', digest: '', message: 'missing' }]
    const inspect = await inspectionOf(repository)
    const findings = await inspect({ mediaType: media_type ?? '', digest: root, size: 0 }, { made: false, absent }, ctx)
    // A registry gives a manifest as the type that it has.
    if (source.registry.path === undefined || findings.some((finding) => finding.digest === root)) return findings
    const own = detectMediaType((await store.readManifest(root, ctx)).bytes, undefined)
    if (media_type === null || own === '' || own === media_type) return findings
    const message = `is listed as ${media_type}, and is ${own}`
    return [{ kind: 'damaged_manifest', digest: root, message }, ...findings]
  } catch (failure) {
    return [findingOf(failure, 'checked')]
  }
}

function damageOf({ kind, digest, in: parent, message }: Finding, image: string): Damage {
  return {
    kind,
    image,
    digest: digest || null,
    in: parent ?? null,
    message: parent === undefined ? message : `${message} in ${parent}`,
  }
}
