/** Where a vendor's API answers: as the option `api_url` says, or else as it is known. */

import { ConfigurationError } from '../src/core/errors.ts'
import type { Registry } from '../src/core/registry.ts'

/** Without a trailing slash. Throws a `ConfigurationError` for an option that is not a URL. */
export function addressOf(registry: Registry, known: string): string {
  const given = textOf(registry, 'api_url') ?? known
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new ConfigurationError(`registry ${registry.name}: \`api_url\` is not a URL: ${JSON.stringify(given)}`)
  }
  return given.replace(/\/+$/, '')
}

/** Undefined where the option is not given, or empty. */
export function textOf({ options }: Registry, option: string): string | undefined {
  const given = options?.[option]
  return typeof given === 'string' && given !== '' ? given : undefined
}
