/** Paths as options give them, and as they stand in the configuration. */

import { dirname, isAbsolute, relative, resolve } from 'node:path'

export interface Places {
  /** What the options' paths are relative to. */
  readonly cwd: string
  /** The configuration, what the paths in it are relative to. */
  readonly file: string
}

/** Relative to the configuration where it is below it, so that both can be moved together. */
export function pathIn(path: string, { cwd, file }: Places): string {
  const absolute = resolve(cwd, path)
  const below = relative(dirname(file), absolute)
  return below === '' || below.startsWith('..') || isAbsolute(below) ? absolute : `./${below}`
}
