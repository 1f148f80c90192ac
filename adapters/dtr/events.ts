/** Webhooks of Docker Trusted Registry and its successor, Mirantis Secure Registry 2 and 3, which are not signed.
 *
 *  https://docs.mirantis.com/msr/2.9/ops/manage-webhooks.html */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const PAYLOAD = z.looseObject({
  type: z.string(),
  createdAt: z.string().nullish(),
  contents: z.looseObject({
    namespace: z.string().nullish(),
    repository: z.string().nullish(),
    tag: z.string().nullish(),
    digest: z.string().nullish(),
  }),
})

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = {
  TAG_PUSH: 'push',
  TAG_DELETE: 'delete',
  MANIFEST_PUSH: 'push',
  MANIFEST_DELETE: 'delete',
  SCAN_COMPLETED: 'scan',
}

/** Nothing for pulls, repositories, scanners and failures. A promotion and a mirroring are told as pushes of the tags that they make. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Mirantis Secure Registry', parsed.error)
  const { type, createdAt: time, contents } = parsed.data
  const { namespace, repository, tag, digest } = contents
  const action = ACTIONS[type]
  if (action === undefined || !namespace || !repository || (!tag && !digest)) return []
  return [eventOf(action, `${namespace}/${repository}`, { tag, digest, time })]
}
