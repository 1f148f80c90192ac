/** `replicate adapters`: which there are, and what one can do. */

import { didYouMean } from '../../config/suggest.ts'
import type { AdapterType } from '../../core/adapter.ts'
import { ConfigurationError } from '../../core/errors.ts'
import { renderFields, renderTable } from '../render/table.ts'
import { print, type Session } from '../session.ts'

export async function list(session: Session): Promise<number> {
  const adapters = await session.parts.adapters()
  print(session, adapters.map(asJson), () =>
    renderTable(
      [{ title: 'IDENTITY' }, { title: 'NAME' }, { title: 'RESOURCES' }, { title: 'DESCRIPTION' }],
      adapters.map((adapter) => [adapter.identity, adapter.name, adapter.resources.join(', '), adapter.description]),
      session.stdout.columns,
      session.colors,
    ),
  )
  return 0
}

export async function show(session: Session, identity: string): Promise<number> {
  const adapters = await session.parts.adapters()
  const adapter = adapters.find((candidate) => candidate.identity === identity)
  if (!adapter) {
    const known = adapters.map((candidate) => candidate.identity)
    throw new ConfigurationError(`there is no adapter ${identity}`, {
      hint: didYouMean(identity, known) ?? `the adapters are ${known.join(', ')}`,
    })
  }
  const document = asJson(adapter)
  print(session, document, () => renderFields(document, session.colors))
  return 0
}

function asJson(adapter: AdapterType): Record<string, unknown> {
  return {
    identity: adapter.identity,
    name: adapter.name,
    description: adapter.description,
    support_resource_types: adapter.resources,
    support_resource_filters: adapter.filters,
    capabilities: { listing: adapter.listing, credentials: adapter.credentials },
    limits: {
      depth_min: adapter.depth?.min ?? null,
      depth_max: adapter.depth?.max ?? null,
      quirks: adapter.quirks,
    },
  }
}
