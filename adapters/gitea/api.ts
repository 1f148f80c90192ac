/** The API of Gitea and Forgejo, as far as it concerns owners of packages.
 *
 *  https://docs.gitea.com/api/ */

import type { AdapterTools } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import { CredentialError, isNotFound, RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry } from '../../src/core/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { addressOf } from '../address.ts'

const ANSWER = 1024 * 1024

/** Creates the organization, unless a user or an organization has that name. Does nothing without a credential, or where the token may not look:
 *  then the push tells whether the owner is there. */
export async function ensureOwner(
  namespace: string,
  isPublic: boolean,
  registry: Registry,
  tools: AdapterTools,
  ctx: Context,
): Promise<void> {
  const [name = ''] = namespace.split('/')
  if ((await tools.credential()).kind === 'anonymous') return
  const http = tools.api({ url: addressOf(registry, new URL(registry.url ?? '').origin), name: 'api' })
  if (await mayExist(name, http, ctx)) return
  const body = Buffer.from(JSON.stringify({ username: name, visibility: isPublic ? 'public' : 'private' }))
  const headers = { 'content-type': 'application/json' }
  try {
    const response = await http.request({ method: 'POST', url: '/api/v1/orgs', headers, body }, ctx)
    await response.discard()
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    if (error.status === 422 && /already exist/i.test(error.message)) return
    throw restated(error, `cannot create the organization ${name}: ${error.message}`, hintFor(error.status))
  }
}

function hintFor(status: number): string | undefined {
  if (status === 422) return 'the name is reserved, or has characters that Gitea does not take'
  if (status !== 403) return undefined
  return 'create it there, or give a token with write:organization of a user who may create organizations'
}

async function mayExist(name: string, http: HttpClient, ctx: Context): Promise<boolean> {
  try {
    const url = `/api/v1/users/${encodeURIComponent(name)}`
    const response = await http.request({ method: 'GET', url, whole: ANSWER }, ctx)
    await response.discard()
    return true
  } catch (error) {
    if (isNotFound(error)) return false
    // A token for packages alone sees no users.
    if (error instanceof CredentialError || (error instanceof RegistryError && error.status === 403)) return true
    throw error
  }
}
