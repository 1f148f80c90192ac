/** Azure's own library, which knows more ways to sign in (`az login` among them): used where it is installed beside the program. */

import { z } from 'zod'
import { CredentialError } from '../../src/core/errors.ts'

/** Not a dependency: what only some need is heavy. A variable, so that nothing looks for it beforehand. */
const LIBRARY: string = '@azure/identity'

interface Chain {
  getToken(scope: string): Promise<{ readonly token: string } | null>
}
const MODULE = z.looseObject({
  DefaultAzureCredential: z.custom<new () => Chain>((value) => typeof value === 'function'),
})

/** Undefined where it is not installed. Throws a `CredentialError` where it finds nothing either. */
export async function libraryToken(
  scope: string,
  load: () => Promise<unknown> = () => import(LIBRARY),
): Promise<string | undefined> {
  let loaded: unknown
  try {
    loaded = await load()
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw new CredentialError('@azure/identity is installed, but cannot be loaded', { cause })
  }
  const parsed = MODULE.safeParse(loaded)
  if (!parsed.success)
    throw new CredentialError('@azure/identity has no DefaultAzureCredential: install a newer version')
  try {
    const found = await new parsed.data.DefaultAzureCredential().getToken(scope)
    if (found) return found.token
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split(/\r?\n/)[0] : String(cause)
    throw new CredentialError(`@azure/identity found no Azure identity: ${why}`, { cause, hint: 'run `az login`' })
  }
  throw new CredentialError('@azure/identity gave no token', { hint: 'run `az login`' })
}
