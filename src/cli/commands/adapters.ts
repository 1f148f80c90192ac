/** `replicate adapters`: which there are, and what one can do. */

import { didYouMean } from '../../config/suggest.ts'
import { abilitiesOf, adapterJson, type ShownAdapter } from '../../core/abilities.ts'
import type { AdapterType } from '../../core/adapter.ts'
import { ConfigurationError } from '../../core/errors.ts'
import type { HookFacts } from '../../core/hooks.ts'
import { wrapped } from '../render/format.ts'
import { renderTable } from '../render/table.ts'
import { print, type Session } from '../session.ts'

export async function list(session: Session): Promise<number> {
  const adapters = await session.parts.adapters()
  const shown = await Promise.all(adapters.map(async (adapter) => ({ adapter, abilities: await abilitiesOf(adapter) })))
  print(session, shown.map(adapterJson), () =>
    renderTable(
      [{ title: 'IDENTITY' }, { title: 'NAME', leave: 1 }, { title: 'CAN' }, { title: 'DESCRIPTION', leave: 2 }],
      shown.map(({ adapter, abilities }) => [
        adapter.identity,
        adapter.name,
        abilities
          .filter(({ can }) => can)
          .map(({ word }) => word)
          .join(', '),
        adapter.description,
      ]),
      session.stdout.columns,
      session.colors,
    ),
  )
  return 0
}

export async function show(session: Session, identity: string): Promise<number> {
  const adapters = await session.parts.adapters()
  const adapter =
    adapters.find((candidate) => candidate.identity === identity) ??
    (await session.parts.foreignAdapter(identity, session.cwd))
  if (!adapter) {
    const known = adapters.map((candidate) => candidate.identity)
    throw new ConfigurationError(`there is no adapter ${identity}`, {
      hint: didYouMean(identity, known) ?? `the adapters are ${known.join(', ')}`,
    })
  }
  const shown = { adapter, abilities: await abilitiesOf(adapter) }
  print(session, adapterJson(shown), () => text(shown, session))
  return 0
}

function text({ adapter, abilities }: ShownAdapter, { stdout, colors }: Session): string {
  const width = Math.min(stdout.columns, 100)
  const paragraph = (sign: string, words: string): string => wrapped(words, width, `  ${sign} `)
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : `\n${colors.bold(title)}\n${lines.join('')}`
  const facts: readonly (readonly [string, string])[] = [
    ['resources', adapter.resources.join(', ')],
    ['filters', adapter.filters.join(', ')],
    ['credentials', adapter.credentials.join(', ') || 'none'],
    ['path parts', depthOf(adapter)],
    ...(adapter.names ?? []).map(({ rule }) => ['names', rule] as const),
    ['listing', adapter.listing],
    ['checked', adapter.checked ?? 'not said'],
  ]
  const options = (adapter.options ?? []).map(({ name, description, type, values }) => {
    const form = values ? values.join(' | ') : type
    return wrapped(`${name} (${form}): ${description}`, width, '  ')
  })
  return [
    `${colors.bold(adapter.identity)}  ${adapter.name}: ${adapter.description}\n`,
    ...facts.map(([name, value]) => wrapped(value, width, `  ${name.padEnd(12)} `)),
    section(
      'can',
      abilities.map(({ can, text: ability }) => paragraph(can ? '✓' : '–', ability)),
    ),
    section('options', options),
    section('webhooks', adapter.hooks ? webhooks(adapter.hooks).map((words) => paragraph('·', words)) : []),
    section(
      'good to know',
      adapter.quirks.map((quirk) => paragraph('·', quirk)),
    ),
  ].join('')
}

/** What `POST /hooks/REGISTRY` of `replicate serve` takes. */
function webhooks({ events, setup }: HookFacts): readonly string[] {
  const places = 'URL is https://HOST/hooks/REGISTRY, and SECRET the `hook_secret` of the registry.'
  return [`They tell \`replicate serve\` of: ${events.join(', ')}. ${places}`, `Set up ${setup}`]
}

function depthOf({ depth }: AdapterType): string {
  const { min = 1, max } = depth ?? {}
  if (max === undefined) return min === 1 ? 'any number' : `${min} or more`
  return min === max ? `exactly ${min}` : `${min} to ${max}`
}
