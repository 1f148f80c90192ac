/** A policy between the registry under test, which is `it` there, and a plain one, `mine`. */

import type { AdapterUnderTest } from './adapter.ts'

export function policyWith({ registry }: AdapterUnderTest, mine: string, from: string, to: string): string {
  // JSON is YAML, too.
  const registries = { it: { ...registry, name: undefined }, mine: { type: 'docker-registry', url: mine } }
  return `registries: ${JSON.stringify(registries)}
policies:
  copy:
    source: ${from}
    destination: ${to}
`
}
