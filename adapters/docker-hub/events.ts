/** Docker Hub's webhook, which tells of pushes only, and is not signed.
 *
 *  https://docs.docker.com/docker-hub/repos/manage/webhooks/ */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const PAYLOAD = z.looseObject({
  push_data: z.looseObject({ pushed_at: z.number().nullish(), tag: z.string().nullish() }),
  repository: z.looseObject({ repo_name: z.string() }),
})

/** Nothing for a push by digest alone: no policy could name it. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Docker Hub', parsed.error)
  const { push_data, repository } = parsed.data
  const { tag, pushed_at: time } = push_data
  return tag ? [eventOf('push', repository.repo_name, { tag, time })] : []
}
