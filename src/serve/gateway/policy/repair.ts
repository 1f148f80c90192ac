/** Brings back what the destination has lost of an artifact whose tag or manifest it still has. */

import type { Context } from '../../../core/context.ts'
import { resourceTypeOf } from '../../../engine/artifact.ts'
import { readTagged } from '../../../engine/endpoint.ts'
import type { Admission } from './admission.ts'
import { narrowedTo, type Pulled } from './narrowed.ts'
import type { Place } from './targets.ts'

/** Undefined where the source does not have it any more. The policy lets it through, and the destination has the same. */
export async function repairOf(
  place: Place,
  pulled: Pulled,
  ctx: Context,
): Promise<Extract<Admission, { kind: 'bring' }> | undefined> {
  const { target, source, destination, from, repository, mapped } = place
  const { tag } = pulled
  const now = await from.resolve(tag ?? pulled.digest ?? '', ctx)
  if (!now) return undefined
  const read = await readTagged(from, now.digest, tag, ctx)
  const policy = narrowedTo(pulled, target.policy, target.selection)
  const landing = tag === undefined ? undefined : (policy.destination.tag ?? tag)
  const task = {
    action: 'update',
    resource_type: resourceTypeOf(read),
    source: { registry: source.registry.name, repository, ...(tag === undefined ? {} : { tag }) },
    destination: {
      registry: destination.registry.name,
      repository: mapped,
      ...(landing === undefined ? {} : { tag: landing }),
    },
    digest: now.digest,
    media_type: now.mediaType,
    previous_digest: now.digest,
    reason: 'repair: the destination has lost a blob that a client pulls',
  } as const
  return { kind: 'bring', policy, tasks: [task], read, thorough: true }
}
