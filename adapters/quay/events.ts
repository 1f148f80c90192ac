/** Quay's notification `repo_push`, which names the tags and no digest, and is not signed.
 *
 *  https://docs.quay.io/guides/notifications.html */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'

const PAYLOAD = z.looseObject({
  repository: z.string(),
  // Once an object of tags and image ids. Other notifications have none.
  updated_tags: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).nullish(),
})

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Quay', parsed.error)
  const { repository, updated_tags: tags } = parsed.data
  const names = Array.isArray(tags) ? tags : Object.keys(tags ?? {})
  return names.map((tag) => ({ action: 'push', repository, tag }))
}
