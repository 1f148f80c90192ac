/** A call that the command line does not understand, told with what was probably meant and where help is. */

import type { Command, CommanderError } from 'commander'
import { commandAt } from './complete.ts'

export interface Usage {
  readonly message: string
  /** One or two, each a line. */
  readonly hints: readonly string[]
}

export function usageOf(error: CommanderError, program: Command, args: readonly string[]): Usage {
  const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const meant = /^\(Did you mean (?:one of )?(.+)\?\)$/.exec(rest.join(' '))?.[1]
  const names = meant?.split(', ').map((name) => `\`${name}\``)
  const help = `see \`${[...pathOf(commandAt(program, args)), '--help'].join(' ')}\``
  return { message, hints: [...(names ? [`did you mean ${names.join(' or ')}?`] : []), help] }
}

function pathOf(command: Command): readonly string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [command.name()]
}
