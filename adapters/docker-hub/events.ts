/** Docker Hub's webhook, which tells of pushes only, and is not signed.
 *
 *  https://docs.docker.com/docker-hub/repos/manage/webhooks/ */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'

const PAYLOAD = z.looseObject({
  push_data: z.looseObject({ pushed_at: z.number().nullish(), tag: z.string().nullish() }),
  repository: z.looseObject({ repo_name: z.string() }),
})

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Docker Hub', parsed.error)
  const { push_data, repository } = parsed.data
  // Pushed by its digest only: nothing that a policy could name.
  if (!push_data.tag) return []
  return [
    {
      action: 'push',
      repository: repository.repo_name,
      tag: push_data.tag,
      ...(push_data.pushed_at ? { time: new Date(push_data.pushed_at * 1000) } : {}),
    },
  ]
}
