/** What a refusal of Azure's registry means: its firewall, a lock, or a missing permission, which it answers with 401. */

import type { Context } from '../../src/core/context.ts'
import { CredentialError, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import { restated } from '../../src/oci/registry/restate.ts'

export interface Acr {
  /** Its name in the configuration. */
  readonly name: string
  readonly http: () => HttpClient
  /** Throws a `CredentialError` where the credential is no good. */
  readonly ping: (ctx: Context) => Promise<void>
}

export type Right = 'pull' | 'list' | 'push' | 'delete' | 'catalog'

/** In Azure's words: the role, that of registries with ABAC, and the action of a scope map. */
const RIGHTS = {
  pull: { verb: 'pull from', role: 'AcrPull', abac: 'Container Registry Repository Reader', action: 'content/read' },
  list: {
    verb: 'list the tags of',
    role: 'AcrPull',
    abac: 'Container Registry Repository Reader',
    action: 'metadata/read',
  },
  push: { verb: 'push to', role: 'AcrPush', abac: 'Container Registry Repository Writer', action: 'content/write' },
  delete: {
    verb: 'delete in',
    role: 'AcrDelete',
    abac: 'Container Registry Repository Contributor',
    action: 'content/delete',
  },
} as const

const CATALOG_HINT =
  "give repository names in the policy's name filter; with ABAC the catalogue needs the role Container Registry Repository Catalog Lister"

/** What `work` resolves to; its failure in words that say what is missing. */
export async function told<T>(work: Promise<T>, right: Right, repository: string, acr: Acr, ctx: Context): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw await meaning(error, right, repository, acr, ctx)
  }
}

/** The same for a list. */
export async function* toldOf<T>(
  items: AsyncIterable<T>,
  right: Right,
  repository: string,
  acr: Acr,
  ctx: Context,
): AsyncIterable<T> {
  try {
    yield* items
  } catch (error) {
    throw await meaning(error, right, repository, acr, ctx)
  }
}

async function meaning(error: unknown, right: Right, repository: string, acr: Acr, ctx: Context): Promise<unknown> {
  const known = explained(error)
  if (known !== error || ctx.signal.aborted) return known
  if (error instanceof RegistryError && error.status === 403) {
    return restated(error, error.message, hintOf(right, repository))
  }
  if (!(error instanceof CredentialError) || error.missing) return error
  try {
    await acr.ping(ctx)
  } catch {
    return error
  }
  // It is known there: a token for what it may not do is given without that, and then refused with 401.
  const what = right === 'catalog' ? 'list the repositories' : `${RIGHTS[right].verb} ${repository}`
  return new RegistryError(`the credential for ${acr.name} may not ${what}: ${error.message}`, {
    ...{ status: 403, method: 'GET', path: right === 'catalog' ? '/acr/v1/_catalog' : `/v2/${repository}` },
    hint: hintOf(right, repository),
    cause: error,
  })
}

function hintOf(right: Right, repository: string): string {
  if (right === 'catalog') return CATALOG_HINT
  const { role, abac, action } = RIGHTS[right]
  return `give it the role ${role} (with ABAC ${abac}); a token needs repositories/${repository}/${action} in its scope map`
}

/** With a hint where Azure's words are known; the firewall's refusal at the token server is none of the credential. */
export function explained(error: unknown): unknown {
  if (!(error instanceof RegistryError) && !(error instanceof CredentialError)) return error
  if (/client with IP .* is not allowed|aka\.ms\/acr\/firewall/i.test(error.message)) {
    const hint = "allow this machine's address in the registry's network rules, or go through its private endpoint"
    return error instanceof RegistryError
      ? restated(error, error.message, hint)
      : new RegistryError(error.message, { status: 403, method: 'GET', path: '/oauth2/token', hint, cause: error })
  }
  if (error instanceof RegistryError && error.status === 405 && isDisallowed(error)) {
    const hint =
      'the repository, manifest or tag is locked: az acr repository update --write-enabled true --delete-enabled true'
    return restated(error, error.message, hint)
  }
  return error
}

function isDisallowed({ codes, message }: RegistryError): boolean {
  return codes.includes('REGISTRY_DISALLOWED_OPERATION') || /operation is disallowed/i.test(message)
}
