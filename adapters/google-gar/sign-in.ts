/** Makes of what was found an access token of Google, which both the registry and the API take. */

import type { SignInTools } from '../../src/core/adapter.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import type { Credential, Registry, SentCredential } from '../../src/core/registry.ts'
import { defaultToken } from './default.ts'
import { keyText } from './key.ts'
import { tokenOfFile } from './library.ts'

/** User names under which an access token is a password. */
const TOKEN_USER = /^(oauth2accesstoken|_token|_dcgcr_.*_token)$/

export async function signIn(found: Credential, registry: Registry, tools: SignInTools): Promise<SentCredential> {
  const { origin } = found
  const key = keyText(found)
  if (key !== undefined) return tokenOfFile(key, origin, tools)
  switch (found.kind) {
    case 'basic': {
      const { expires } = found
      if (!TOKEN_USER.test(found.username)) return found
      return { kind: 'bearer', token: found.password, origin, ...(expires === undefined ? {} : { expires }) }
    }
    case 'ambient':
      return defaultToken(registry, true, tools)
    case 'anonymous':
      if (registry.credential?.type === 'anonymous') return found
      return (await defaultToken(registry, false, tools)) ?? found
    case 'bearer':
    case 'identity':
      return found
    default:
      throw new ConfigurationError(`registry ${registry.name}: google-gar takes no credential of that type (${origin})`)
  }
}
