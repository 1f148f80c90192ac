/** Where a vendor's API answers: as the option `api_url` says, or else as it is known. */

import type { Registry } from '../src/core/registry.ts'

/** Without a trailing slash. */
export function addressOf({ options }: Registry, known: string): string {
  const given = options?.api_url
  return (typeof given === 'string' ? given : known).replace(/\/+$/, '')
}
