/** Webhooks of Tencent Container Registry, which are not signed: all there is is a header of the user's choice.
 *
 *  https://www.tencentcloud.com/document/product/1051/37254 */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const TYPE = z.looseObject({ type: z.string() })
const PAYLOAD = z.looseObject({
  /** Seconds since 1970. */
  occur_at: z.number().nullish(),
  event_data: z.looseObject({
    resources: z.array(z.looseObject({ digest: z.string().nullish(), tag: z.string().nullish() })),
    repository: z.looseObject({ repo_full_name: z.string().min(1) }),
  }),
})

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = { pushImage: 'push', deleteImage: 'delete' }

/** Nothing for charts, which are in the ChartMuseum beside the registry. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const action = ACTIONS[TYPE.safeParse(body).data?.type ?? '']
  if (!action) return []
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Tencent Container Registry', parsed.error)
  const { occur_at: time, event_data } = parsed.data
  return event_data.resources
    .filter(({ digest, tag }) => digest || tag)
    .map(({ digest, tag }) => eventOf(action, event_data.repository.repo_full_name, { digest, tag, time }))
}
