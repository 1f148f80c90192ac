/** Policies that wait for webhooks which cannot come: said when the daemon starts, and whenever its configuration has changed. */

import type { AdapterType } from '../../core/adapter.ts'
import type { EventKind, Policy } from '../../core/policy.ts'
import type { Registry } from '../../core/registry.ts'
import type { Daemon } from '../parts.ts'
import { needsSecret } from './door.ts'

/** Each sentence is said once. */
export function createUnheard({ current, program, tell }: Daemon): () => Promise<void> {
  let said: ReadonlySet<string> = new Set()
  return async () => {
    const { configuration } = current()
    const found = new Set<string>()
    for (const policy of configuration.policies) {
      const kinds = policy.enabled ? kindsOf(policy) : []
      const registry = kinds.length > 0 ? configuration.registries.get(policy.source.registry) : undefined
      // An adapter that cannot be loaded is an error of whatever runs the policy.
      const type = registry && (await program.typeOf(registry).catch(() => undefined))
      if (!registry || !type) continue
      const reason = reasonFor(registry, type, kinds)
      if (reason !== undefined) found.add(`policy ${policy.name} waits for events in vain: ${reason}`)
    }
    for (const text of found) if (!said.has(text)) tell({ type: 'log', level: 'warning', text })
    said = found
  }
}

function kindsOf({ triggers }: Policy): readonly EventKind[] {
  return triggers.flatMap((trigger) => ('event' in trigger ? trigger.event : []))
}

function reasonFor(registry: Registry, type: AdapterType, kinds: readonly EventKind[]): string | undefined {
  const { name } = registry
  if (!type.parseEvents) return `registries of type ${registry.type} send no webhooks; \`poll\` looks for changes`
  if (needsSecret(registry, type)) return `registry ${name} has no \`hook_secret\`, so its webhooks are refused`
  const told = type.hooks?.events ?? kinds
  const untold = kinds.filter((kind) => !told.includes(kind))
  return untold.length === kinds.length
    ? `registries of type ${registry.type} tell of no ${untold.join(' or ')}`
    : undefined
}
