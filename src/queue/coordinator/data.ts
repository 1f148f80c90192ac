/** What stands in a job: its tasks, and what the plan has learnt of their source, so that no worker asks for it again; or blobs. */

import type { ElsewhereRun } from '../../engine/run/elsewhere.ts'
import { FORMAT, type GivenTask, type JobData } from '../protocol.ts'
import type { Given } from './given.ts'

/** Tags that hang on digests of one repository. Beyond that a worker lists them itself. */
const MOST_HANGING = 100
/** Bytes of a manifest, and of all manifests of one job: the server keeps jobs in memory. */
const MOST_MANIFEST = 16 * 1024
const MOST_MANIFESTS = 64 * 1024

export type Plan = Pick<ElsewhereRun, 'source' | 'hanging' | 'memory'>

export function dataOf(groups: readonly (readonly Given[])[], plan: Plan | undefined): JobData {
  const manifests = plan && manifestsOf(groups, plan)
  return {
    format: FORMAT,
    groups: groups.map((group) => group.map(({ id, work, again }) => ({ id, again, ...work, ...manifests?.get(id) }))),
    ...(plan && { hanging: listed(groups.flat(), plan) }),
  }
}

/** By repository. */
function listed(tasks: readonly Given[], { source, hanging }: Plan): NonNullable<JobData['hanging']> {
  const found: NonNullable<JobData['hanging']> = {}
  for (const { work } of tasks) {
    if (!('task' in work)) continue
    const { registry, repository } = work.task.source
    if (registry !== source.name || repository in found) continue
    const tags = hanging(repository)?.listed(MOST_HANGING)
    if (tags !== undefined) found[repository] = tags && [...tags]
  }
  return found
}

/** By task: one that tasks of a group share is with the first of them. */
function manifestsOf(
  groups: readonly (readonly Given[])[],
  { source, memory }: Plan,
): ReadonlyMap<number, Pick<GivenTask, 'manifest'>> {
  const found = new Map<number, Pick<GivenTask, 'manifest'>>()
  let room = MOST_MANIFESTS
  for (const { id, work } of groups.flat()) {
    if (!('task' in work)) continue
    const { task } = work
    const { registry, repository } = task.source
    if (registry !== source.name || task.digest === undefined) continue
    const manifest = memory.give(repository, task.digest, Math.min(MOST_MANIFEST, room))
    if (!manifest) continue
    room -= manifest.bytes.byteLength
    found.set(id, {
      manifest: { type: manifest.mediaType, base64: Buffer.from(manifest.bytes).toString('base64') },
    })
  }
  return found
}
