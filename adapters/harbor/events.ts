/** Harbor's webhooks, in its own format and as CloudEvents. Neither is signed: all there is is an `Authorization` of the user's choice.
 *  Tencent's registry and Harbor 1 have other names for the same events. */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { looksLikeDigest } from '../../src/core/descriptor.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = {
  PUSH_ARTIFACT: 'push',
  DELETE_ARTIFACT: 'delete',
  SCANNING_COMPLETED: 'scan',
  'harbor.artifact.pushed': 'push',
  'harbor.artifact.deleted': 'delete',
  'harbor.scan.completed': 'scan',
  pushImage: 'push',
  deleteImage: 'delete',
  scanningCompleted: 'scan',
}

const DATA = z.object({
  resources: z.array(z.object({ digest: z.string().nullish(), tag: z.string().nullish() })),
  repository: z.object({ repo_full_name: z.string() }),
})
const TYPE = z.object({ type: z.string() })
const PAYLOAD = z.union([
  z
    .object({ specversion: z.string(), id: z.string(), time: z.string().nullish(), data: DATA })
    .transform(({ id, time, data }) => ({ id, time, ...data })),
  // Seconds since 1970.
  z
    .object({ specversion: z.undefined().optional(), occur_at: z.number().nullish(), event_data: DATA })
    .transform(({ occur_at: time, event_data }) => ({ id: undefined, time, ...event_data })),
])

/** Nothing for quotas, pulls, replications and other events. A scan of an index names each of its platforms, without a tag. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const action = ACTIONS[TYPE.safeParse(body).data?.type ?? '']
  if (!action) return []
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Harbor', parsed.error)
  const { id, time, resources, repository } = parsed.data
  return resources.map(({ digest, tag }) =>
    // What has no tag, or was named by its digest, has the digest in its place.
    eventOf(action, repository.repo_full_name, { digest, time, id, tag: looksLikeDigest(tag ?? '') ? undefined : tag }),
  )
}
