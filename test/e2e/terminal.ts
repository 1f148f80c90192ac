/** A pseudo-terminal for the program. */

import { execFileSync } from 'node:child_process'

/** util-linux's `script` gives a command a terminal and passes its exit status on. */
export const hasTerminal = process.platform === 'linux' && isThere('script')

export const inTerminal = (command: readonly string[]): readonly [string, ...string[]] => [
  'script',
  '-qec',
  command.map((word) => `'${word}'`).join(' '),
  '/dev/null',
]

function isThere(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
