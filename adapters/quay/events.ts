/** Quay's notifications `repo_push` and `vulnerability_found`, which name tags and no digest, and are not signed.
 *
 *  https://docs.quay.io/guides/notifications.html */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const PAYLOAD = z.looseObject({
  repository: z.string(),
  // Once an object of tags and image ids. Other notifications have none.
  updated_tags: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).nullish(),
  vulnerability: z.unknown().optional(),
  tags: z.array(z.string()).nullish(),
})

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Quay', parsed.error)
  const { repository, updated_tags: updated, vulnerability, tags } = parsed.data
  const pushed = Array.isArray(updated) ? updated : Object.keys(updated ?? {})
  // Those of an image that expires come as `tags`, too.
  const scanned = vulnerability ? (tags ?? []) : []
  return [
    ...pushed.map((tag) => eventOf('push', repository, { tag })),
    ...scanned.map((tag) => eventOf('scan', repository, { tag })),
  ]
}
