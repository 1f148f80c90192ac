/** Harbor's webhooks, in its own format and as CloudEvents. Neither signs anything: an `Authorization` of the user's choice is all there is. */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = {
  PUSH_ARTIFACT: 'push',
  DELETE_ARTIFACT: 'delete',
  'harbor.artifact.pushed': 'push',
  'harbor.artifact.deleted': 'delete',
}

const DATA = z.object({
  resources: z.array(z.object({ digest: z.string().nullish(), tag: z.string().nullish() })),
  repository: z.object({ repo_full_name: z.string() }),
})
const OWN = z.object({ occur_at: z.number().nullish(), event_data: DATA })
const CLOUD = z.object({ id: z.string(), time: z.string().nullish(), data: DATA })

/** Nothing for scans, quotas, pulls and whatever else is told. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const { data: envelope } = z.object({ type: z.string(), specversion: z.string().optional() }).safeParse(body)
  const action = envelope && ACTIONS[envelope.type]
  if (!action) return []
  if (envelope.specversion === undefined) {
    const parsed = OWN.safeParse(body)
    if (!parsed.success) throw malformedDelivery('Harbor', parsed.error)
    const { occur_at, event_data } = parsed.data
    // Seconds since 1970.
    return eventsOf(action, event_data, occur_at ? new Date(occur_at * 1000) : undefined)
  }
  const parsed = CLOUD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Harbor', parsed.error)
  const { id, time, data } = parsed.data
  return eventsOf(action, data, time ? new Date(time) : undefined).map((event) => ({ ...event, id }))
}

function eventsOf(
  action: RegistryEvent['action'],
  { resources, repository }: z.infer<typeof DATA>,
  time: Date | undefined,
): readonly RegistryEvent[] {
  return resources.map(({ digest: text, tag }) => {
    const digest = parseDigest(text ?? '')
    return {
      action,
      repository: repository.repo_full_name,
      // What has no tag, or was named by its digest, has the digest in its place.
      ...(tag && !parseDigest(tag) ? { tag } : {}),
      ...(digest ? { digest } : {}),
      ...(time && !Number.isNaN(time.getTime()) ? { time } : {}),
    }
  })
}
