/** What ECR gives for a credential of AWS: a password for the registry, good for 12 hours or for as long as the role's session. */

import { z } from 'zod'
import { CredentialError } from '../../src/core/errors.ts'
import type { Credential, SentCredential } from '../../src/core/registry.ts'
import { isPassword } from './aws.ts'

export const TOKEN = z.looseObject({
  authorizationToken: z.string().min(1),
  expiresAt: z.date().nullish(),
})

/** What can be sent as it is; undefined for what must be exchanged. Throws a `CredentialError` for what no AWS takes. */
export function ready(found: Credential, name: string): SentCredential | undefined {
  if (found.kind === 'basic' && isPassword(found)) return found
  if (found.kind === 'bearer' || found.kind === 'identity' || found.kind === 'service_account') {
    throw new CredentialError(`AWS takes no credential such as the one for ${name} from ${found.origin}`, {
      hint: 'give an access key (`type: access_key`), or `type: aws` for what AWS finds in its own places',
    })
  }
  return undefined
}

/** `authorizationToken` is user name and password as `Authorization: Basic` wants them. */
export function passwordOf(
  { authorizationToken, expiresAt }: z.output<typeof TOKEN>,
  found: Credential,
): SentCredential {
  const [username = '', ...password] = Buffer.from(authorizationToken, 'base64').toString('utf8').split(':')
  const origin = found.kind === 'anonymous' ? "AWS's own chain of credentials" : found.origin
  const expires = expiresAt ? { expires: expiresAt.getTime() } : {}
  return { kind: 'basic', username, password: password.join(':'), origin, ...expires }
}
