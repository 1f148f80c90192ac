/** The webhook `package` of Gitea and Forgejo, which names a tag, or the digest of what was pushed without one.
 *
 *  https://docs.gitea.com/usage/webhooks */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { looksLikeDigest } from '../../src/core/descriptor.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const PAYLOAD = z.looseObject({
  action: z.string(),
  package: z.looseObject({
    type: z.string(),
    name: z.string(),
    version: z.string(),
    owner: z.looseObject({ login: z.string() }),
    created_at: z.string().nullish(),
  }),
})
const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = { created: 'push', deleted: 'delete' }

export function parseEvents({ headers, body }: Delivery): readonly RegistryEvent[] {
  // A hook may be set to tell of everything that happens. Forgejo leaves the first of these empty.
  if ((headers['x-gitea-event'] || headers['x-gitea-event-type'] || 'package') !== 'package') return []
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Gitea', parsed.error)
  const { action: name, package: told } = parsed.data
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
  if (told.type !== 'container' || !action) return []
  const { version } = told
  // When a tag is deleted, the time is that of the push.
  const time = action === 'push' ? told.created_at : undefined
  const what = looksLikeDigest(version) ? { digest: version } : { tag: version }
  const repository = `${told.owner.login}/${told.name}`.toLowerCase()
  return [eventOf(action, repository, { ...what, time, id: headers['x-gitea-delivery'] })]
}
