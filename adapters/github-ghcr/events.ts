/** GitHub's webhooks `package` and `registry_package`, which tell of pushes only.
 *
 *  https://docs.github.com/en/webhooks/webhook-events-and-payloads#package */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { parseDigest } from '../../src/core/descriptor.ts'
import { timeFrom } from '../../src/core/time.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'

const PACKAGE = z.looseObject({
  name: z.string(),
  namespace: z.string().nullish(),
  package_type: z.string(),
  owner: z.looseObject({ login: z.string() }),
  package_version: z
    .looseObject({
      container_metadata: z
        .looseObject({ tag: z.looseObject({ name: z.string().nullish(), digest: z.string().nullish() }).nullish() })
        .nullish(),
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
  const { name: tag, digest: text } = told.package_version?.container_metadata?.tag ?? {}
  // The platforms of an image come by themselves, without a tag.
  if (!tag || told.package_type.toLowerCase() !== 'container' || !['published', 'updated'].includes(action)) return []
  const digest = parseDigest(text ?? '')
  const time = timeFrom(told.package_version?.updated_at)
  const id = headers['x-github-delivery']
  return [
    {
      action: 'push',
      repository: `${told.owner.login}/${told.name}`.toLowerCase(),
      tag,
      ...(digest ? { digest } : {}),
      ...(time ? { time } : {}),
      ...(id === undefined ? {} : { id }),
    },
  ]
}
