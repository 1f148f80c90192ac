/** Loads a configuration of which nothing is contacted: variables need not be set. */

import { ConfigurationError } from '../core/errors.ts'
import { UNSET } from './interpolate.ts'
import { type Configuration, type LoadOptions, loadConfiguration } from './load.ts'
import type { ConfigurationFile } from './source.ts'

/** Where unset variables are the only problem, each stands for itself, as it is written. Throws a `ConfigurationError`. */
export function loadOffline(files: readonly ConfigurationFile[], options: LoadOptions): Configuration {
  try {
    return loadConfiguration(files, options)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const names = error.problems.map(({ message }) =>
      message.endsWith(UNSET) ? /`([^`]+)`/.exec(message)?.[1] : undefined,
    )
    const unset = [...new Set(names.filter((name) => name !== undefined))].sort()
    if (names.includes(undefined)) throw error
    const env = { ...options.env, ...Object.fromEntries(unset.map((name) => [name, `\${${name}}`])) }
    try {
      return { ...loadConfiguration(files, { ...options, env }), unset }
    } catch {
      throw error
    }
  }
}
