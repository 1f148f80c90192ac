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
  const path = pathOf(commandAt(program, args))
  return {
    message,
    hints: [
      ...(names ? [`did you mean ${names.join(' or ')}?`] : fileHint(error, path, args)),
      `see \`${[...path, '--help'].join(' ')}\``,
    ],
  }
}

/** For a file where none is expected. */
function fileHint({ code }: CommanderError, path: readonly string[], args: readonly string[]): readonly string[] {
  const file = args.findLast((text) => /\.ya?ml$/i.test(text))
  if (file === undefined || args.some((text) => CONFIG.test(text))) return []
  const name = PLAIN.test(file) ? file : 'FILE'
  if (code === 'commander.excessArguments') {
    return [`the configuration is named by an option: \`${path.join(' ')} --config ${name}\``]
  }
  const isAlone = code === 'commander.unknownCommand' && path.length === 1
  return isAlone ? [`to run its policies: \`${path.join(' ')} run ${name}\``] : []
}

/** What needs no quotes in a shell. */
const PLAIN = /^[\w./@%+=:,-]+$/
const CONFIG = /^(-c|--config(=.*)?)$/

function pathOf(command: Command): readonly string[] {
  return command.parent ? [...pathOf(command.parent), command.name()] : [command.name()]
}
