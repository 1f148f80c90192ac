/** Webhooks of registries that speak the distribution API: those of distribution itself, and those of others that have no type of their own
 *  here or are used as plain registries. Their bodies tell them apart. */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { distributionEvents } from '../../src/oci/registry/notifications.ts'
import { parseEvents as mirantisEvents } from '../dtr/events.ts'
import { parseEvents as harborEvents } from '../harbor/events.ts'
import { parseEvents as zotEvents } from '../zot/events.ts'

const CLOUD_EVENT = z.looseObject({ type: z.string() })

export function parseEvents(delivery: Delivery): readonly RegistryEvent[] {
  const { headers, body } = delivery
  const has = (key: string): boolean => typeof body === 'object' && body !== null && key in body
  const { type } = CLOUD_EVENT.safeParse(body).data ?? {}
  if (has('event_data') || type?.startsWith('harbor.')) return harborEvents(delivery)
  if (headers['ce-type'] !== undefined || has('specversion')) return zotEvents(delivery)
  return has('contents') ? mirantisEvents(delivery) : distributionEvents(delivery)
}
