/** The question for a registry: one of the configuration, or any other. */

import type { Registry } from '../../../core/registry.ts'
import { referenceIn } from '../../commands/policies/fields.ts'
import { type Asker, select, text } from '../../prompt/prompt.ts'
import type { Table } from './answers.ts'

const ANOTHER = ''

export interface RegistryQuestion {
  readonly message: string
  readonly option: string
  readonly check: (answer: string) => Promise<string | undefined>
  /** Which registries of the configuration are offered; default: all. */
  readonly offers?: (registry: Registry) => boolean
  /** The one that Enter takes. */
  readonly likely?: string | undefined
}

export async function askReference(
  asker: Asker,
  { configuration, session, file }: Table,
  { message, option, check, offers = () => true, likely }: RegistryQuestion,
): Promise<string> {
  const offered = [...configuration.registries.values()].filter(offers)
  const choices = offered.map(({ name, url, path, description }) => ({
    value: name,
    name: `${name}  ${url ?? path ?? ''}`,
    description,
  }))
  const other = {
    value: ANOTHER,
    name: 'another: a host such as docker.io, oci:DIR or tar:FILE',
    description: undefined,
  }
  const isKnown = likely === undefined || offered.some(({ name }) => name === likely)
  const question = { message, option, choices: [...choices, other], fallback: isKnown ? likely : ANOTHER }
  const chosen = choices.length === 0 ? ANOTHER : await select(asker, question)
  if (chosen !== ANOTHER) return chosen
  const hint = 'a host such as docker.io, oci:DIR or tar:FILE'
  const answer = await text(asker, {
    message: `${message.replace(/:$/, '')} (${hint}):`,
    option,
    check: async (written) => (written === '' ? 'write a host' : check(written)),
    fallback: isKnown ? undefined : likely,
  })
  return referenceIn(file, answer, session.cwd)
}
