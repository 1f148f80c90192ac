/** What Artifact Registry publishes to the topic `gcr`, as a push subscription of Pub/Sub delivers it.
 *
 *  https://cloud.google.com/artifact-registry/docs/configure-notifications */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { parseJson } from '../../src/core/foreign.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const ENVELOPE = z.looseObject({
  message: z.looseObject({
    data: z.string(),
    messageId: z.string().nullish(),
    publishTime: z.string().nullish(),
  }),
})
/** Whole references, with their host. */
const PAYLOAD = z.looseObject({ action: z.string(), digest: z.string().nullish(), tag: z.string().nullish() })

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = { INSERT: 'push', DELETE: 'delete' }

/** The message may also come by itself: Pub/Sub can leave its envelope out. */
export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const isBare = PAYLOAD.safeParse(body).success
  const envelope = isBare ? undefined : ENVELOPE.safeParse(body)
  if (envelope && !envelope.success) throw malformedDelivery('Pub/Sub', envelope.error)
  const parsed = PAYLOAD.safeParse(isBare ? body : decoded(envelope?.data.message.data ?? ''))
  if (!parsed.success) throw malformedDelivery('Artifact Registry', parsed.error)
  const { tag: tagged, digest: exact } = parsed.data
  const action = ACTIONS[parsed.data.action]
  const repository = (tagged ?? exact ?? '').replace(/^[^/]+\//, '').replace(/(@[^/]*|:[^/]*)$/, '')
  if (action === undefined || repository === '') return []
  const tag = /:([^/:@]+)$/.exec(tagged ?? '')?.[1]
  const { messageId: id, publishTime: time } = envelope?.data.message ?? {}
  return [eventOf(action, repository, { tag, digest: exact?.split('@')[1], time, id })]
}

function decoded(data: string): unknown {
  try {
    return parseJson(Buffer.from(data, 'base64'))
  } catch {
    return undefined
  }
}
