/** Triggers of repositories, and events of the Enterprise Edition through EventBridge. Neither is signed.
 *
 *  https://www.alibabacloud.com/help/en/acr/user-guide/use-triggers
 *  https://www.alibabacloud.com/help/en/eventbridge/user-guide/container-registry-events */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const TRIGGER = z
  .looseObject({
    push_data: z.looseObject({
      digest: z.string().nullish(),
      tag: z.string().min(1),
      /** China's time, without a zone: `2016-11-29 12:25:46`. */
      pushed_at: z.string().nullish(),
    }),
    repository: z.looseObject({ repo_full_name: z.string().min(1) }),
  })
  .transform(({ push_data: { digest, tag, pushed_at }, repository }) => [
    eventOf('push', repository.repo_full_name, {
      tag,
      digest,
      time: pushed_at ? `${pushed_at.replace(' ', 'T')}+08:00` : undefined,
    }),
  ])

const BRIDGED = z
  .looseObject({
    specversion: z.string(),
    id: z.string().nullish(),
    type: z.string(),
    time: z.string().nullish(),
    data: z.looseObject({
      RepoNamespaceName: z.string().min(1),
      RepoName: z.string().min(1),
      Tag: z.string().min(1),
    }),
  })
  .transform(({ id, type, time, data: { RepoNamespaceName, RepoName, Tag: tag } }) => {
    const action = ACTIONS[type]
    return action ? [eventOf(action, `${RepoNamespaceName}/${RepoName}`, { tag, time, id })] : []
  })

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = {
  'cr:Artifact:PushCompleted': 'push',
  'cr:Artifact:ScanCompleted': 'scan',
}

const TYPE = z.looseObject({ specversion: z.string(), type: z.string() })

/** Nothing for builds, signatures, synchronizations and calls of the API. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const bridged = TYPE.safeParse(body).data
  if (bridged && !ACTIONS[bridged.type]) return []
  const parsed = (bridged ? BRIDGED : TRIGGER).safeParse(body)
  if (parsed.success) return parsed.data
  throw malformedDelivery('Alibaba Cloud Container Registry', parsed.error)
}
