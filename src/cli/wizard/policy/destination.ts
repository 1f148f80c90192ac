/** Questions for a policy's destination: the registry, and where repositories land there. */

import { isLayoutPlace } from '../../../config/hosts.ts'
import type { Configuration } from '../../../config/load.ts'
import { mapRepository } from '../../../engine/plan/mapping.ts'
import { complaint, type PolicyDraft } from '../../commands/policies/draft.ts'
import type { PolicyFlags } from '../../commands/policies/fields.ts'
import { select, text } from '../../prompt/prompt.ts'
import { askRegistry } from './source.ts'

/** `example` is a repository of the source. */
export async function askDestination(
  draft: PolicyDraft,
  configuration: Configuration,
  flags: PolicyFlags,
  example = 'library/alpine',
): Promise<PolicyFlags> {
  if (flags.destination !== undefined) return flags
  const check = (answer: string): Promise<string | undefined> =>
    answer === '' ? Promise.resolve('write a host') : complaint(draft, { ...flags, destination: [answer] })
  const source = flags.source?.split('/')[0]
  const likely = [...configuration.registries.keys()].find((name) => name !== source)
  const registry = await askRegistry(draft, configuration, 'Destination registry:', '--destination', check, likely)
  if (registry.includes('/') || isLayoutPlace(registry)) return { ...flags, destination: [registry] }
  const namespace = await text(draft.session, {
    message: `Namespace there (such as mirror)${registry === source ? '' : ', empty for that of the source'}:`,
    option: '--destination',
    fallback: '',
    check: (answer) => {
      if (answer !== '') return check(`${registry}/${answer}`)
      return registry === source ? 'the source is there already: name a namespace' : undefined
    },
  })
  if (namespace === '') return { ...flags, destination: [registry] }
  const flatten = flags.flatten ?? (await askFlatten(draft, namespace, example))
  return { ...flags, destination: [`${registry}/${namespace}`], ...(flatten === '1' ? {} : { flatten }) }
}

/** By what comes of it; not asked where all comes to the same. */
async function askFlatten({ session }: PolicyDraft, namespace: string, example: string): Promise<string> {
  const landed = new Map<string, string>()
  for (const flatten of [1, 0, 2, 3, 'all'] as const) {
    const place = mapRepository(example, { namespace, flatten })
    if (!landed.has(place)) landed.set(place, String(flatten))
  }
  if (landed.size === 1) return '1'
  const choices = [...landed].map(([place, value]) => ({ value, name: place }))
  return select(session, { message: `Where does ${example} land?`, option: '--flatten', choices })
}
