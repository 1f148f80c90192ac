/** `replicate registries list` and `show`: what the configuration has, and how it was when it was last checked. */

import type { App } from '../../../app/app.ts'
import {
  type RegistryFacts,
  registryChangeJson,
  registryJson,
  registrySettings,
} from '../../../config/document/registry.ts'
import type { Configuration } from '../../../config/load.ts'
import { didYouMean } from '../../../config/suggest.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { placeOf, type Registry, type RegistryChange, type RegistryStatus } from '../../../core/registry.ts'
import { formatRelative, formatTime } from '../../render/format.ts'
import { renderFields, renderTable } from '../../render/table.ts'
import { print, type Session } from '../../session.ts'

export async function list(session: Session): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  const registries = [...configuration.registries.values()]
  const { configuration: file } = await session.parts.paths(session.options)
  const statuses = registries.length > 0 ? await app.statuses(registries) : new Map<string, RegistryStatus>()
  const definitions = await app.definitions(configuration)
  print(
    session,
    registries.map((registry) =>
      registryJson(registry, {
        status: statuses.get(registry.name),
        definition: definitions('registry', registry.name),
      }),
    ),
    () =>
      registries.length === 0
        ? `no registry is configured in ${file}; \`replicate registries add\` adds one\n`
        : renderTable(
            [
              { title: 'NAME' },
              { title: 'TYPE' },
              { title: 'URL' },
              { title: 'STATUS' },
              { title: 'SINCE' },
              { title: 'CHECKED' },
            ],
            registries.map((registry) => row(registry, statuses.get(registry.name), session.timer.now())),
            session.stdout.columns,
            session.colors,
          ),
  )
  return 0
}

export async function show(session: Session, name: string): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  const registry = definedRegistry(configuration.registries, name)
  const facts = await factsOf(app, configuration, registry)
  const changes = (await app.records()).registries.changes(name, placeOf(registry))
  const { id, ...json } = registryJson(registry, facts)
  const document = { ...json, ...registrySettings(registry), file: configuration.registryFile(name) }
  print(session, { id, ...document, changes: changes.map(registryChangeJson) }, () =>
    [renderFields(document, session.colors), changesText(changes, session)].filter((part) => part !== '').join('\n'),
  )
  return 0
}

export async function factsOf(app: App, configuration: Configuration, registry: Registry): Promise<RegistryFacts> {
  const [statuses, definitions] = await Promise.all([app.statuses([registry]), app.definitions(configuration)])
  return { status: statuses.get(registry.name), definition: definitions('registry', registry.name) }
}

/** Throws a `ConfigurationError` for a name that the configuration does not have. */
export function definedRegistry(registries: ReadonlyMap<string, Registry>, name: string): Registry {
  const registry = registries.get(name)
  if (registry) return registry
  const known = [...registries.keys()]
  throw new ConfigurationError(`no registry is named ${name}`, {
    hint:
      didYouMean(name, known) ??
      (known.length > 0 ? `the registries are ${known.join(', ')}` : 'add it: replicate registries add'),
  })
}

function row(registry: Registry, status: RegistryStatus | undefined, now: number): readonly string[] {
  const { name, type, url, path = '' } = registry
  const [since, checked] = status ? [status.since, status.checked_at].map((time) => formatRelative(time, now)) : []
  return [name, type, url ?? path, status ? statusText(status) : 'unknown', since ?? '', checked ?? 'never']
}

function statusText({ status, reason }: RegistryChange | RegistryStatus): string {
  return reason === undefined ? status : `${status}: ${reason}`
}

/** How many changes people are shown; `--json` has all that are kept. */
const SHOWN_CHANGES = 10

/** Empty before the first change: what is now stands above. */
function changesText(changes: readonly RegistryChange[], session: Session): string {
  if (changes.length < 2) return ''
  const rows = changes.slice(0, SHOWN_CHANGES).map((change) => [formatTime(change.time, false), statusText(change)])
  const heads = [{ title: 'CHANGED' }, { title: 'STATUS' }]
  return renderTable(heads, rows, session.stdout.columns, session.colors)
}
