/** The one place where text gets its colours. */

import { Chalk } from 'chalk'

type Paint = (text: string) => string

export interface Colors {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly magenta: Paint
  readonly cyan: Paint
}

/** Colours for one output; none of them does anything where `enabled` is false. */
export function colorsFor(enabled: boolean): Colors {
  const chalk = new Chalk({ level: enabled ? 1 : 0 })
  return {
    bold: (text) => chalk.bold(text),
    dim: (text) => chalk.dim(text),
    red: (text) => chalk.red(text),
    green: (text) => chalk.green(text),
    yellow: (text) => chalk.yellow(text),
    magenta: (text) => chalk.magenta(text),
    cyan: (text) => chalk.cyan(text),
  }
}
