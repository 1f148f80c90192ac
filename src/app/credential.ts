/** Tells where the credential of a registry comes from, and whether the registry takes it; never the secret. */

import type { Context } from '../core/context.ts'
import type { Credential, Registry } from '../core/registry.ts'
import type { Connections } from './connections.ts'

export interface FoundCredential {
  readonly kind: Credential['kind']
  readonly origin: string
  /** Of an access key its id. */
  readonly username?: string
}

/** Throws a `CredentialError` for a place that was named on purpose and cannot be used. */
export async function foundCredential(registry: Registry, connections: Connections): Promise<FoundCredential> {
  const found = await connections.credential(registry)
  const { kind, origin } = found
  const username = found.kind === 'basic' ? found.username : found.kind === 'access_key' ? found.id : undefined
  return { kind, origin, ...(username === undefined ? {} : { username }) }
}

/** Throws what went wrong, where the registry does not let it in. Writes nothing. */
export async function signIn(registry: Registry, connections: Connections, ctx: Context): Promise<void> {
  const { adapter } = await connections.open(registry)
  await adapter.ping(ctx)
}
