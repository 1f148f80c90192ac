/** What a verification works with: its request, what it remembers meanwhile, and how a finding becomes a difference. */

import type { Digest } from '../../core/descriptor.ts'
import type { Difference } from '../../core/drift.ts'
import {
  CancelledError,
  CredentialError,
  describeError,
  NetworkError,
  QueueError,
  ReplicateError,
} from '../../core/errors.ts'
import type { TaskSpec } from '../../core/plan.ts'
import type { ResourceType } from '../../core/policy.ts'
import { formatResource } from '../../core/reference.ts'
import { type Endpoint, ManifestMemory } from '../endpoint.ts'
import { createNamedImages, type NamedImages } from '../images/named.ts'
import { type PlanRequest, resourceRule } from '../plan/comparison.ts'
import { type Selection, selectionOf } from '../plan/filter.ts'
import { createMissingNames, type MissingNames } from '../plan/missing.ts'
import { createNarrowing, type Narrowing } from '../plan/narrowing.ts'
import type { Finding } from './inspect.ts'
import type { Reading } from './reading.ts'

export interface VerifyRequest
  extends Pick<PlanRequest, 'policy' | 'source' | 'destination' | 'narrow' | 'shard' | 'records' | 'images'> {
  /** Reads every blob of the destination, instead of asking whether it is there. */
  readonly reading?: Reading | undefined
  /** Give the tasks that would put it right. */
  readonly repair?: boolean | undefined
  /** Only what these tasks are about, instead of what the policy selects. */
  readonly only?: readonly TaskSpec[] | undefined
}

export interface Verifying {
  readonly request: VerifyRequest
  readonly selection: Selection
  readonly memory: ManifestMemory
  readonly narrowing: Narrowing | undefined
  readonly resource: (type: ResourceType) => boolean
  readonly missing: MissingNames
  /** Those that were looked at. */
  readonly repositories: string[]
  /** The images of the charts that were looked at; absent where the policy does not bring them. */
  readonly named: NamedImages | undefined
}

/** A tag or a digest at the source, and where it belongs. */
export interface Artifact {
  /** What the policy calls it: a pinned tag is looked up by its digest. */
  readonly name?: string
  readonly from: { readonly repository: string; readonly tag?: string; readonly digest?: Digest }
  readonly to: { readonly repository: string; readonly tag?: string }
  /** The chart that names this image. */
  readonly named_by?: string
}

export interface Group {
  readonly repository: string
  readonly mapped: string
  readonly artifacts: readonly Artifact[]
}

export function verifyingOf(request: VerifyRequest): Verifying {
  const { policy, source, destination, narrow, records } = request
  const selection = selectionOf(policy, narrow)
  const memory = new ManifestMemory()
  return {
    request,
    selection,
    memory,
    narrowing: createNarrowing(policy, selection, source, memory, records?.narrowed),
    resource: resourceRule(policy, narrow?.resource),
    missing: createMissingNames(policy, selection, source, destination),
    repositories: [],
    named:
      request.images && !request.only
        ? createNamedImages({ policy, source, memory, records: records?.chartImages, tools: request.images })
        : undefined,
  }
}

/** Names that the policy spells out and the source does not have: a run fails for them, too. */
export async function missingNames(
  { request, missing, repositories }: Verifying,
  compared: number,
): Promise<readonly Difference[]> {
  const { policy, shard, only, narrow } = request
  // A part of the policy does not see all of its names.
  if (shard || only || narrow || policy.missing === 'warn') return []
  if (policy.missing === undefined && policy.allow_empty && compared === 0) return []
  const tasks = await missing.tasks(repositories, async () => true)
  return tasks.map(({ source, destination, reason = '' }) => ({
    kind: 'unreadable',
    source: formatResource(source),
    destination: formatResource(destination),
    digest: null,
    in: null,
    message: reason,
  }))
}

/** A failure that is about one artifact. Rethrows what means that a whole registry, or every worker, is out of reach. */
export function findingOf(error: unknown, what = 'compared'): Finding {
  const isWhole = [NetworkError, CredentialError, QueueError, CancelledError].some((kind) => error instanceof kind)
  if (!(error instanceof ReplicateError) || isWhole) throw error
  return { kind: 'unreadable', digest: '', message: `cannot be ${what}: ${describeError(error)}` }
}

export function differenceOf(
  finding: Finding,
  { from, to }: Artifact,
  source: Endpoint,
  destination: Endpoint,
): Difference {
  const { digest: named } = from
  return {
    kind: finding.kind,
    source: formatResource({ registry: source.registry.name, ...from }),
    destination: formatResource({ registry: destination.registry.name, ...to, digest: named }),
    digest: finding.digest || null,
    in: finding.in ?? null,
    message: finding.in === undefined ? finding.message : `${finding.message} in ${finding.in}`,
  }
}
