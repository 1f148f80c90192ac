/** A pseudo-terminal for the program. */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Emulator, type Reflow } from '../support/emulator.ts'
import type { Program, Running, StartOptions } from './program.ts'

/** util-linux's `script` gives a command a terminal and passes its exit status on. */
export const hasTerminal = process.platform === 'linux' && isThere('script')

export const inTerminal = (command: readonly string[]): readonly [string, ...string[]] => [
  'script',
  '-qec',
  command.map((word) => `'${word}'`).join(' '),
  '/dev/null',
]

/** Python has pseudo-terminals of any size. */
export const hasScreen = process.platform !== 'win32' && isThere('python3')
const PTY = fileURLToPath(new URL('../support/terminal.py', import.meta.url))

export interface OnScreen extends Running {
  readonly screen: Emulator
  type(keys: string): void
  resize(columns: number): void
}

/** Starts the program on a terminal whose screen can be looked at. */
export function onScreen(
  here: Program,
  args: readonly string[],
  { columns = 80, rows = 24, reflow, ...options }: StartOptions & ScreenOptions = {},
): OnScreen {
  const running = here.start(args, {
    ...options,
    keyboard: true,
    wrap: (command) => ['python3', PTY, String(columns), String(rows), ...command],
  })
  const screen = new Emulator(columns, reflow)
  running.process.stdout?.setEncoding('utf8').on('data', (chunk: string) => screen.write(chunk))
  const order = (what: object): void => {
    running.process.stdin?.write(`${JSON.stringify(what)}\n`)
  }
  return {
    ...running,
    screen,
    type: (keys) => order({ keys }),
    resize: (width) => order({ resize: [width, rows] }),
  }
}

export interface ScreenOptions {
  readonly columns?: number
  readonly rows?: number
  readonly reflow?: Reflow
}

function isThere(name: string): boolean {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
