/** The envelope of distribution's notifications, which GitLab's registry sends, too.
 *
 *  https://distribution.github.io/distribution/about/notifications/ */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../core/adapter.ts'
import { parseDigest } from '../../core/descriptor.ts'
import { MANIFEST_TYPES } from '../../core/manifest.ts'
import { timeFrom } from '../../core/time.ts'
import { malformedDelivery } from './delivery.ts'

const EVENT = z.looseObject({
  id: z.string().nullish(),
  timestamp: z.string().nullish(),
  action: z.string(),
  target: z.looseObject({
    mediaType: z.string().nullish(),
    repository: z.string().nullish(),
    digest: z.string().nullish(),
    tag: z.string().nullish(),
  }),
})
const ENVELOPE = z.looseObject({ events: z.array(z.unknown()) })

/** Pushes and deletes of manifests and tags. Pulls, blobs, mounts and malformed events are left out. A deleted blob cannot be told from a deleted
 *  manifest. */
export function distributionEvents({ body }: Delivery): readonly RegistryEvent[] {
  const envelope = ENVELOPE.safeParse(body)
  if (!envelope.success) throw malformedDelivery('a registry', envelope.error)
  return envelope.data.events.flatMap((event) => {
    const parsed = EVENT.safeParse(event)
    return parsed.success ? eventOf(parsed.data) : []
  })
}

function eventOf({ id, timestamp, action, target }: z.output<typeof EVENT>): readonly RegistryEvent[] {
  const { mediaType, repository, tag } = target
  const digest = parseDigest(target.digest ?? '')
  if (!repository || (!tag && !digest)) return []
  const isPush = action === 'push' && MANIFEST_TYPES.some((type) => type === mediaType)
  if (!isPush && action !== 'delete') return []
  const time = timeFrom(timestamp)
  return [
    {
      action: isPush ? 'push' : 'delete',
      repository,
      ...(tag ? { tag } : {}),
      ...(digest ? { digest } : {}),
      ...(time ? { time } : {}),
      ...(id ? { id } : {}),
    },
  ]
}
