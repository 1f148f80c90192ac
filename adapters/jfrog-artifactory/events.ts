/** Artifactory's predefined webhooks of the domains `docker` and `artifact_property`: its properties are its labels.
 *
 *  https://jfrog.com/help/r/jfrog-platform-administration-documentation/domain-docker
 *  https://jfrog.com/help/r/jfrog-platform-administration-documentation/domain-artifact-properties */

import { z } from 'zod'
import type { Delivery, RegistryEvent } from '../../src/core/adapter.ts'
import { malformedDelivery } from '../../src/oci/registry/delivery.ts'
import { eventOf } from '../told.ts'

const DATA = z.looseObject({
  repo_key: z.string(),
  image_name: z.string(),
  tag: z.string(),
  sha256: z.string().nullish(),
})
const PAYLOAD = z.union([
  z.looseObject({ event_type: z.string(), data: DATA }),
  // Older versions say it all on one level.
  DATA.extend({ event_type: z.string() }).transform((data) => ({ event_type: data.event_type, data })),
])
const PROPERTY = z.looseObject({ repo_key: z.string(), path: z.string(), property_key: z.string() })
const CHANGE = z.union([
  z.looseObject({ domain: z.literal('artifact_property'), data: PROPERTY }).transform(({ data }) => data),
  PROPERTY.extend({ domain: z.literal('artifact_property') }),
])
const OTHER_DOMAIN = z.looseObject({ domain: z.string().refine((domain) => domain !== 'docker') })

export function parseEvents({ body }: Delivery): readonly RegistryEvent[] {
  const change = CHANGE.safeParse(body)
  if (change.success) return changeOf(change.data)
  if (OTHER_DOMAIN.safeParse(body).success) return []
  const parsed = PAYLOAD.safeParse(body)
  if (!parsed.success) throw malformedDelivery('Artifactory', parsed.error)
  const { event_type: type, data } = parsed.data
  // A child of an index is pushed under its digest; a promotion is a push where it arrives.
  if (!['pushed', 'promoted', 'deleted'].includes(type) || data.tag.startsWith('sha256:')) return []
  const repository = `${data.repo_key}/${data.image_name}`
  const digest = `sha256:${data.sha256 ?? ''}`
  return [eventOf(type === 'deleted' ? 'delete' : 'push', repository, { tag: data.tag, digest })]
}

/** Of an image, by its manifest: `IMAGE/TAG/manifest.json`. Those that Artifactory itself sets at a push are not news. */
function changeOf({ repo_key, path, property_key: key }: z.output<typeof PROPERTY>): readonly RegistryEvent[] {
  const [, image, tag] = /^(.+)\/([^/]+)\/(?:list\.)?manifest\.json$/.exec(path) ?? []
  if (!image || !tag || tag.startsWith('sha256:') || /^(docker|oci|sha256)(\.|$)/.test(key)) return []
  return [eventOf('label', `${repo_key}/${image}`, { tag })]
}
