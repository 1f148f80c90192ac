/** zot's CloudEvents, whose attributes stand in headers or beside the data.
 *
 *  https://zotregistry.dev/latest/articles/events/ */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { looksLikeDigest } from '../../src/core/descriptor.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const DATA = z.looseObject({ name: z.string(), reference: z.string().nullish(), digest: z.string().nullish() })
const STRUCTURED = z.looseObject({
  type: z.string(),
  id: z.string().nullish(),
  time: z.string().nullish(),
  data: z.unknown(),
})

const ACTIONS: Readonly<Record<string, RegistryEvent['action']>> = {
  updated: 'push',
  deleted: 'delete',
  scanned: 'scan',
}

/** What comes before that, by default `zotregistry`, may be set in the configuration of zot. */
const TYPE = /\.image\.(updated|deleted|scanned)$/

export function parseEvents({ headers, body }: Delivery): readonly RegistryEvent[] {
  const attributes = { type: headers['ce-type'], id: headers['ce-id'], time: headers['ce-time'], data: body }
  const parsed = STRUCTURED.safeParse(attributes.type === undefined ? body : attributes)
  if (!parsed.success) throw malformedDelivery('zot', parsed.error)
  const action = ACTIONS[TYPE.exec(parsed.data.type)?.[1] ?? '']
  if (!action) return []
  const data = DATA.safeParse(parsed.data.data)
  if (!data.success) throw malformedDelivery('zot', data.error)
  const { name, reference, digest } = data.data
  const { time, id } = parsed.data
  // What was pushed by its digest has it in the tag's place.
  return [
    looksLikeDigest(reference ?? '')
      ? eventOf(action, name, { digest: digest ?? reference, time, id })
      : eventOf(action, name, { tag: reference, digest, time, id }),
  ]
}
