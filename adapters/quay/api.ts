/** Quay's API, which takes OAuth tokens of applications only; what is public it tells everybody.
 *
 *  https://docs.quay.io/api/swagger/ */

import type { AdapterTools } from '../../src/core/adapter.ts'
import { RegistryError } from '../../src/core/errors.ts'
import type { HttpClient } from '../../src/core/http.ts'
import type { Registry, SentCredential } from '../../src/core/registry.ts'
import { restated } from '../../src/oci/registry/restate.ts'
import { asToken } from '../access-token.ts'

/** The user name under which an OAuth token is a password. */
export const OAUTH_USER = '$oauthtoken'

export interface Quay {
  readonly http: HttpClient
  /** true: with an OAuth token; false: as anybody. */
  hasToken(): Promise<boolean>
  /** The user or robot, which the registry knows and the API does not; undefined where there is none. */
  account(): Promise<string | undefined>
}

export function openQuay(registry: Registry, tools: AdapterTools): Quay {
  const { origin } = new URL(registry.url ?? 'https://quay.io')
  return {
    get http() {
      return tools.api({ url: origin, name: 'api', credential: () => tokenOf(tools) })
    },
    hasToken: async () => (await tokenOf(tools)).kind === 'bearer',
    async account() {
      const found = await tools.credential()
      return found.kind === 'basic' ? found.username : undefined
    },
  }
}

async function tokenOf(tools: AdapterTools): Promise<SentCredential> {
  return asToken(await tools.credential(), OAUTH_USER)
}

/** A refusal in words that say what the token lacks. */
export async function explained<T>(answer: Promise<T>, needs: string): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 403) throw error
    throw restated(error, error.message, `the OAuth token needs the permission ${needs}`)
  }
}

/** Below the API; slashes in a name stay as they are. */
export function repositoryPath(repository: string): string {
  return `/api/v1/repository/${repository.split('/').map(encodeURIComponent).join('/')}`
}
