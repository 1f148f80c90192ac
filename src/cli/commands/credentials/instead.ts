/** What takes the place of a keychain on a machine that has none, said with the names filled in. */

import { CredentialError } from '../../../core/errors.ts'
import { variablePrefix } from '../../../credentials/environment.ts'
import { type Keychain, KeychainError } from '../../../credentials/keychain.ts'

/** `REPLICATE_HUB_USERNAME=ann REPLICATE_HUB_PASSWORD=…`, to be set where the program runs. */
export function variablesOf(name: string, username: string | undefined): string {
  const prefix = variablePrefix(name)
  if (username === undefined) return `${prefix}_TOKEN=…`
  return `${prefix}_USERNAME=${/^[\w.@+-]+$/.test(username) ? username : '…'} ${prefix}_PASSWORD=…`
}

/** Before a secret is typed or read. A locked keychain is unlocked when the entry is written. `verb` is the command of `registries` that
 *  writes the alternative into the file. */
export async function refuseWithoutKeychain(
  keychain: Keychain,
  { name, username, verb }: { readonly name: string; readonly username: string | undefined; readonly verb: string },
): Promise<void> {
  try {
    await keychain.entries()
  } catch (cause) {
    if (!(cause instanceof KeychainError)) throw cause
    if (!cause.absent) return
    const user = username === undefined ? '' : ` --username ${username}`
    const [variable, kind] = username === undefined ? ['TOKEN', 'token'] : ['PASSWORD', 'password']
    const command = `replicate registries ${verb}${user} --${kind}-env ${variablePrefix(name).slice('REPLICATE_'.length)}_${variable}`
    throw new CredentialError(cause.message, {
      cause,
      hint: `set ${variablesOf(name, username)} where replicate runs; or let the configuration refer to a variable: ${command}, or to a file: --${kind}-file FILE; or \`docker login\``,
    })
  }
}
