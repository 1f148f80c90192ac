/** What is known of a registry while it is asked for, and what becomes of it. */

import type { Registry } from '../../../core/registry.ts'
import type { WrittenCredential } from '../../../credentials/kinds.ts'
import { variablesOf } from '../../commands/credentials/instead.ts'
import { checked, type Desk, type NewRegistry } from '../../commands/registries/desk.ts'
import type { SettingFlags } from '../../commands/registries/settings.ts'
import { complaintOf } from '../../complaint.ts'

/** `as-found`: the environment, the keychain and the files of other tools are asked, or the file says it already. */
export type Kind = WrittenCredential['type'] | 'as-found'

/** Where its secret stands. */
export type Place = 'keychain' | 'environment' | 'variable' | 'file'

export interface Answers {
  readonly name: string
  /** As options would say it: what they do not say stays as it is. */
  readonly flags: SettingFlags
  readonly kind: Kind
  readonly place: Place
  /** For the keychain, or for the test only. */
  readonly secret: string | undefined
}

/** The dialog's tools: the desk, and the registry that is changed, if it is not a new one. */
export interface Table extends Desk {
  readonly before: Registry | undefined
}

export function draftOf({ session, before }: Table, { name, flags, kind, place, secret }: Answers): NewRegistry {
  const { username } = flags
  const credential =
    kind === 'as-found' || secret === undefined
      ? undefined
      : { type: kind, secret, ...(username === undefined ? {} : { username }) }
  const variable = flags.passwordEnv ?? flags.tokenEnv
  const first =
    kind === 'as-found'
      ? undefined
      : place === 'environment'
        ? variablesOf(name, username)
        : place === 'variable' && variable !== undefined && !session.env[variable]
          ? `${variable}=…`
          : undefined
  // In the file the user stands beside the place of the secret, and nowhere else.
  const { username: _, ...others } = flags
  // What the file says comes before the keychain.
  const elsewhere = before?.credential ? { ...others, passwordEnv: '' } : others
  const written = place === 'variable' || place === 'file' || kind === 'as-found' ? flags : elsewhere
  return { name, flags: written, credential, keep: place === 'keychain', first }
}

/** What the file's own check says of the answers, with some of them changed. */
export function complaint(table: Table, answers: Answers, flags: SettingFlags): Promise<string | undefined> {
  return complaintOf(() => checked(table, draftOf(table, { ...answers, flags: { ...answers.flags, ...flags } })))
}
