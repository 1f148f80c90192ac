/** What every command is made with: how it starts, and the examples at the end of its help. */

import type { Command } from 'commander'
import type { Session } from '../session.ts'

/** Puts examples below the help of a command. */
export function example(command: Command, ...lines: readonly string[]): void {
  const title = lines.length === 1 ? 'Example' : 'Examples'
  command.addHelpText('after', `\n${title}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`)
}

/** What a command does with its session; the result is the exit status. */
export type Execute = (session: Session) => Promise<number>

export type Start = (command: Command) => (execute: Execute) => Promise<void>
