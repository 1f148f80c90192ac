/** GitHub's webhooks `package` and `registry_package`, which tell of pushes only.
 *
 *  https://docs.github.com/en/webhooks/webhook-events-and-payloads#package */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const TAG = z.looseObject({ name: z.string().nullish(), digest: z.string().nullish() })
const PACKAGE = z.looseObject({
  name: z.string(),
  namespace: z.string().nullish(),
  package_type: z.string(),
  owner: z.looseObject({ login: z.string() }),
  package_version: z
    .looseObject({
      container_metadata: z.looseObject({ tag: TAG.nullish() }).nullish(),
      updated_at: z.string().nullish(),
    })
    .nullish(),
})
const PAYLOAD = z.union([
  z
    .looseObject({ action: z.string(), package: PACKAGE })
    .transform((payload) => ({ ...payload, told: payload.package })),
  z
    .looseObject({ action: z.string(), registry_package: PACKAGE })
    .transform((payload) => ({ ...payload, told: payload.registry_package })),
])

export function parseEvents({ headers, body }: Delivery): readonly RegistryEvent[] {
  if (headers['x-github-event'] === 'ping') return []
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('GitHub', parsed.error)
  const { told, action } = parsed.data
  const { name: tag, digest } = told.package_version?.container_metadata?.tag ?? {}
  // The platforms of an image have deliveries of their own, without a tag.
  if (!tag || told.package_type.toLowerCase() !== 'container' || !['published', 'updated'].includes(action)) return []
  const repository = `${told.owner.login}/${told.name}`.toLowerCase()
  const time = told.package_version?.updated_at
  return [eventOf('push', repository, { tag, digest, time, id: headers['x-github-delivery'] })]
}
