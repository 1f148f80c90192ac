/** `replicate help COMMAND...`, and what the help of the program ends with. */

import type { Command } from 'commander'
import { STATUSES } from '../exit-code.ts'
import { wrapped } from '../render/format.ts'
import { example, type Start } from './command.ts'

export function addHelp(program: Command, start: Start): void {
  program.addHelpText('after', () => {
    const width = Math.min(program.configureOutput().getOutHelpWidth?.() ?? 80, 120)
    const widest = Math.max(...STATUSES.map(([status]) => status.length))
    const lines = STATUSES.map(([status, meaning]) => wrapped(meaning, width, `  ${status.padEnd(widest)}  `))
    return `\nExit status:\n${lines.join('')}`.trimEnd()
  })
  const help = program
    .command('help')
    .description('print the help of a command, as --help does')
    .argument('[command...]', 'such as `executions list`')
    .action((names: readonly string[]) => {
      let at = program
      for (const name of names) {
        const next = at.commands.find((command) => command.name() === name)
        // Told as any unknown command is.
        if (!next) return void program.parse([...names], { from: 'user' })
        at = next
      }
      return start(help)(async () => {
        at.outputHelp()
        return 0
      })
    })
  example(help, 'replicate help run', 'replicate help executions list')
}
