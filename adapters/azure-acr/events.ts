/** Webhooks of Azure's registry, and the same by Event Grid in both of its forms. Neither is signed.
 *
 *  https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import type { HookGreeting } from '../../src/core/hooks.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const PAYLOAD = z.looseObject({
  id: z.string().nullish(),
  timestamp: z.string().nullish(),
  action: z.string(),
  target: z
    .looseObject({ repository: z.string().nullish(), tag: z.string().nullish(), digest: z.string().nullish() })
    .nullish(),
})
/** `eventType` in Azure's own form, `type` in that of CloudEvents. */
const ENVELOPE = z.looseObject({
  eventType: z.string().nullish(),
  type: z.string().nullish(),
  data: z.looseObject({}).nullish(),
})

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const isGrid = Array.isArray(body) || (typeof body === 'object' && body !== null && 'data' in body)
  return isGrid ? [body].flat().flatMap(unpacked) : eventsOf(body)
}

const VALIDATION = z.array(
  z.looseObject({
    eventType: z.literal('Microsoft.EventGrid.SubscriptionValidationEvent'),
    data: z.looseObject({ validationCode: z.string().max(200) }),
  }),
)

/** Event Grid sends nothing before the code of its first delivery has come back.
 *
 *  https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema */
export function greetHook({ body }: Delivery): HookGreeting | undefined {
  const [validation] = VALIDATION.safeParse(body).data ?? []
  return validation && { answer: { validationResponse: validation.data.validationCode } }
}

function unpacked(envelope: unknown): readonly RegistryEvent[] {
  const parsed = ENVELOPE.safeParse(envelope)
  if (!parsed.success) throw malformedDelivery('Event Grid', parsed.error)
  const { eventType, type, data } = parsed.data
  // Others, such as the one that validates the subscription, are not of a registry.
  return (eventType ?? type ?? '').startsWith('Microsoft.ContainerRegistry.Image') ? eventsOf(data) : []
}

/** Charts of the old kind and quarantine have actions of their own. */
function eventsOf(payload: unknown): readonly RegistryEvent[] {
  const parsed = PAYLOAD.safeParse(payload)
  if (!parsed.success) throw malformedDelivery('Azure Container Registry', parsed.error)
  const { id, timestamp: time, action, target } = parsed.data
  if ((action !== 'push' && action !== 'delete') || !target?.repository) return []
  return [eventOf(action, target.repository, { ...target, time, id })]
}
