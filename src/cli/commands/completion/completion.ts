/** `replicate completion`: what a shell needs, and the answers it gets when a user presses Tab. */

import type { Command } from 'commander'
import type { Known } from '../../../app/known.ts'
import type { Execution } from '../../../core/execution.ts'
import { type Candidate, type Kind, type Wanted, wantedAt } from '../../complete.ts'
import { printable } from '../../render/format.ts'
import { statusWords } from '../../render/summary.ts'
import type { Session } from '../../session.ts'
import { SCRIPTS } from './scripts.ts'

export type Shell = keyof typeof SCRIPTS

export async function completion(session: Session, shell: Shell): Promise<number> {
  session.stdout.write(SCRIPTS[shell])
  return 0
}

/**
 * The first line says what else may stand there: `:file`, `:directory` or `:`. Each other line is a value, a tab and its description.
 * `words` are those of the line so far, without the program's name. Errors are not shown: the user only pressed Tab.
 */
export async function answer(session: Session, program: Command, words: readonly string[]): Promise<number> {
  const wanted = wantedAt(program, words)
  const { config, home, files } = wanted.given
  const options = {
    ...session.options,
    ...(config === undefined ? {} : { config }),
    ...(home === undefined ? {} : { home }),
  }
  const known = await session.parts.known(options, files)
  const named = await Promise.all(wanted.kinds.map((kind) => candidatesOf(kind, known).catch(() => [])))
  const fitting = [...wanted.candidates, ...named.flat()].flatMap((candidate) =>
    fitted(candidate, wanted, words.at(-1)),
  )
  session.stdout.write([`:${wanted.files ?? ''}`, ...fitting].map((line) => `${line}\n`).join(''))
  return 0
}

function fitted({ value, description = '' }: Candidate, { prefix }: Wanted, current = ''): readonly string[] {
  const whole = prefix + value
  // A name with a space or a quote in it could not be typed as it is.
  if (!whole.startsWith(current) || /[\s'"\\$`]/.test(whole)) return []
  return [`${whole}\t${printable(description)}`]
}

async function candidatesOf(kind: Kind, known: Known): Promise<readonly Candidate[]> {
  switch (kind) {
    case 'policy':
      return (await known.policies()).map((value) => ({ value, description: 'policy' }))
    case 'registry':
      return (await known.registries()).map((value) => ({ value, description: 'registry' }))
    case 'place': {
      const layouts = [
        { value: 'oci:', description: 'a directory' },
        { value: 'tar:', description: 'a file' },
        { value: 'docker-archive:', description: 'a file of docker save' },
      ]
      return [...(await known.registries()).map((name) => ({ value: `${name}/`, description: 'registry' })), ...layouts]
    }
    case 'execution':
      return executions(await known.executions())
    case 'adapter':
      return (await known.adapters()).map(({ identity, name }) => ({ value: identity, description: name }))
  }
}

function executions(newest: readonly Execution[]): readonly Candidate[] {
  const described = ({ policy, status }: Execution): string => `${policy} ${statusWords(status)}`
  const [last] = newest
  if (!last) return []
  const policies = [...new Set(newest.map(({ policy }) => policy))]
  return [
    { value: 'last', description: described(last) },
    ...policies.map((policy) => ({ value: `last:${policy}`, description: 'its newest' })),
    ...newest.map((one) => ({ value: String(one.id), description: described(one) })),
  ]
}
