/** Where the program keeps its state, and where the user's configuration lies. */

import { userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { ConfigurationError } from '../core/errors.ts'
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

/** The directory of the history: `--home`, else `$REPLICATE_HOME`, else `$XDG_STATE_HOME/replicate`. Absolute. Throws a
 *  `ConfigurationError` for a user without a home: a history in whatever directory the program starts in would be another one each time. */
export function homeDirectory({ home, env, cwd }: PathOptions): string {
  const given = home ?? filled(env.REPLICATE_HOME)
  if (given !== undefined) return resolve(cwd, given)
  const state = absolute(env.XDG_STATE_HOME)
  const user = state === undefined ? userHome(env) : undefined
  if (state === undefined && user === undefined) {
    throw new ConfigurationError(
      'there is no place for the history: HOME is not set, and the user has no home directory',
      {
        hint: 'name a directory that is kept between runs with --home or REPLICATE_HOME',
      },
    )
  }
  return join(state ?? join(user ?? '', '.local', 'state'), 'replicate')
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
  return { path: join(configDirectory(env), 'replicate', 'config.yaml') }
}

/** Where programs keep the user's configuration. Absolute. A user without a home has the root directory for one, as in containers. */
export function configDirectory(env: Environment): string {
  return absolute(env.XDG_CONFIG_HOME) ?? join(userHome(env) ?? resolve('/'), '.config')
}

/** The user's home directory, absolute: that of `HOME`, else of the system's list of users; undefined where neither has one. `listed` is
 *  for tests. */
export function userHome(env: Environment, listed: () => string = () => userInfo().homedir): string | undefined {
  const given = absolute(env.HOME) ?? absolute(env.USERPROFILE)
  if (given !== undefined) return given
  try {
    return absolute(listed())
  } catch {
    return undefined
  }
}

/** Relative values of XDG variables are to be ignored, says the XDG base directory specification. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value
}
