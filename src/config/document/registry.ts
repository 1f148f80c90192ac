/** A registry as `--json` and the REST API have it. */

import type { Registry, RegistryChange, RegistryStatus } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import type { DefinitionFacts } from './definition.ts'

export interface RegistryJson extends DefinitionFacts {
  /** The name. */
  readonly id: string
  readonly name: string
  readonly registry_type: string
  readonly url: string
  readonly description: string | null
  readonly insecure: boolean
  readonly status: RegistryStatus['status'] | 'unknown'
  readonly status_reason: string | null
  readonly status_since: string | null
  readonly checked_at: string | null
}

/** What is known of a registry besides its file. */
export interface RegistryFacts {
  /** Undefined before the first check. */
  readonly status: RegistryStatus | undefined
  readonly definition: DefinitionFacts
}

/** The documented fields. */
export function registryJson(registry: Registry, { status, definition }: RegistryFacts): RegistryJson {
  return {
    id: registry.name,
    name: registry.name,
    registry_type: registry.type,
    url: registry.url ?? registry.path ?? '',
    description: registry.description ?? null,
    insecure: registry.insecure ?? false,
    status: status?.status ?? 'unknown',
    status_reason: status?.reason ?? null,
    status_since: status?.since ?? null,
    checked_at: status?.checked_at ?? null,
    ...definition,
  }
}

/** What else is set; of a credential everything but the secret. */
export function registrySettings(registry: Registry): Readonly<Record<string, unknown>> {
  const { ca, client_cert, client_key, proxy, user_agent, limits, options, credential } = registry
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(client_cert === undefined ? {} : { client_cert }),
    ...(client_key === undefined ? {} : { client_key }),
    ...(proxy === undefined ? {} : { proxy: withoutUserinfo(proxy, '') }),
    ...(user_agent === undefined ? {} : { user_agent }),
    ...(limits === undefined ? {} : { limits }),
    ...(options === undefined ? {} : { options }),
    ...(credential === undefined ? {} : { credential: { type: credential.type, username: credential.username } }),
  }
}

export interface RegistryChangeJson {
  readonly status: RegistryChange['status']
  readonly status_reason: string | null
  readonly time: string
}

export function registryChangeJson({ status, reason, time }: RegistryChange): RegistryChangeJson {
  return { status, status_reason: reason ?? null, time }
}
