/** Where the program keeps its state, and where the user's configuration lies. */

import { isAbsolute, join, resolve } from 'node:path'
import type { Environment } from './interpolate.ts'

export interface PathOptions {
  readonly env: Environment
  /** Absolute. */
  readonly cwd: string
  /** `--home`. */
  readonly home?: string
  /** `--config`. */
  readonly config?: string
}

/** The directory of the history: `--home`, else `$REPLICATE_HOME`, else `$XDG_STATE_HOME/replicate`. Absolute. */
export function homeDirectory({ home, env, cwd }: PathOptions): string {
  const given = home ?? filled(env.REPLICATE_HOME)
  if (given !== undefined) return resolve(cwd, given)
  return join(xdg(env.XDG_STATE_HOME, env, ['.local', 'state'], cwd), 'replicate')
}

export interface UserConfiguration {
  /** Absolute. */
  readonly path: string
  /** How the user named the file; absent for the default path, where a file is optional. */
  readonly namedBy?: '--config' | 'REPLICATE_CONFIG'
}

/** The user's configuration: `--config`, else `$REPLICATE_CONFIG`, else `$XDG_CONFIG_HOME/replicate/config.yaml`. */
export function userConfiguration({ config, env, cwd }: PathOptions): UserConfiguration {
  if (config !== undefined) return { path: resolve(cwd, config), namedBy: '--config' }
  const variable = filled(env.REPLICATE_CONFIG)
  if (variable !== undefined) return { path: resolve(cwd, variable), namedBy: 'REPLICATE_CONFIG' }
  return { path: join(xdg(env.XDG_CONFIG_HOME, env, ['.config'], cwd), 'replicate', 'config.yaml') }
}

/** Relative values of XDG variables are to be ignored, says the XDG base directory specification. */
function xdg(value: string | undefined, env: Environment, below: readonly string[], cwd: string): string {
  if (value !== undefined && isAbsolute(value)) return value
  return join(filled(env.HOME) ?? filled(env.USERPROFILE) ?? cwd, ...below)
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
