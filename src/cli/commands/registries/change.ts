/** `replicate registries update` and `remove`: only the lines that are meant change. */

import { registryJson } from '../../../config/document/registry.ts'
import type { Edited } from '../../../config/edit/file.ts'
import type { Configuration } from '../../../config/load.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { KeychainError } from '../../../credentials/keychain.ts'
import { canAsk, confirm, mayDelete, type YesFlag } from '../../prompt/prompt.ts'
import { plural, printable } from '../../render/format.ts'
import { print, type Session } from '../../session.ts'
import { keepCredential, warnOfOther } from './add.ts'
import { secretOptions } from './credential.ts'
import { checked, deskOf, editsOf, takenBy } from './desk.ts'
import { definedRegistry, factsOf } from './registries.ts'
import { type SettingFlags, settingEdits, settingsOf } from './settings.ts'

/** By options, or by questions where none says what to change. */
export async function update(
  session: Session,
  name: string,
  { yes = false, ...flags }: SettingFlags & YesFlag,
): Promise<number> {
  const desk = await deskOf(session)
  const { app, adapters, places } = desk
  const registry = definedRegistry(desk.configuration.registries, name)
  const settings = settingsOf(flags, takenBy(flags.type ?? registry.type, adapters), places)
  // Without a word on the secret another user has the same one.
  const user = flags.username === undefined || secretOptions(flags).length > 0 ? [] : [userSetting(flags.username)]
  const edits = settingEdits(name, [...settings, ...user])
  if (edits.length > 0) return said(session, name, await app.edit(edits))
  if (yes || session.json || !canAsk(session)) {
    throw new ConfigurationError('nothing to change: no option was given', {
      hint: `as in: replicate registries update ${name} --description 'Production, Frankfurt'`,
    })
  }
  const { askChanges } = await import('../../wizard/registry/registry.ts')
  const draft = await askChanges(desk, registry)
  if (draft === undefined) {
    session.stderr.write('nothing was written\n')
    return 0
  }
  await keepCredential(desk, draft, await checked(desk, draft))
  const edited = await app.edit(editsOf(desk, draft))
  await warnOfOther(desk, draft, edited.configuration)
  return said(session, name, edited, draft.first)
}

async function said(
  session: Session,
  name: string,
  { before, after, path, configuration }: Edited,
  first?: string,
): Promise<number> {
  const registry = configuration.registryOf(name)
  const facts = await factsOf(await session.app(), configuration, registry)
  const next = first === undefined ? '' : `  first: export ${printable(first)}\n`
  print(session, registryJson(registry, facts), () => {
    if (session.quiet) return ''
    const tick = session.colors.green('✓')
    return before === after && first === undefined
      ? `${printable(name)} is unchanged\n`
      : `${tick} changed ${printable(name)} in ${printable(path)}\n${next}  check it: replicate registries ping ${printable(name)}\n`
  })
  return 0
}

function userSetting(username: string) {
  return { key: ['credential', 'username'], value: username }
}

export interface RemoveFlags extends YesFlag {
  /** Delete its keychain entry, too; if absent, the user is asked if there is a terminal. */
  readonly credential?: boolean
}

export async function remove(session: Session, name: string, flags: RemoveFlags): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  definedRegistry(configuration.registries, name)
  refuseUsed(configuration, name)
  const { configuration: file } = await session.parts.paths(session.options)
  if (!(await mayDelete(session, `Remove ${printable(name)} from ${printable(file)}?`, flags))) return 0
  const kept = await hasEntry(session, name)
  const message = `Remove its credential from the keychain, too?`
  const mayAsk = canAsk(session) && !session.json && !flags.yes
  const too =
    kept &&
    (flags.credential ?? (mayAsk && (await confirm(session, { message, option: '--credential', fallback: true }))))
  const { path } = await app.edit([{ remove: ['registries', name] }])
  if (too && (await app.keychain.remove(name))) {
    await app.record({ verb: 'removed', noun: 'credential', name, detail: 'from the keychain' })
  }
  print(session, { name, removed: true, credential_removed: too }, () => {
    if (session.quiet) return ''
    const stays = kept && !too ? `  its credential stays: replicate credentials delete ${printable(name)}\n` : ''
    return `${session.colors.green('✓')} removed ${printable(name)}${too ? ' and its credential' : ''} from ${printable(path)}\n${stays}`
  })
  return 0
}

function refuseUsed({ policies }: Configuration, name: string): void {
  const users = policies.filter((policy) => registriesOf(policy).includes(name)).map((policy) => policy.name)
  if (users.length === 0) return
  const count = plural(users.length, 'policy', 'policies')
  throw new ConfigurationError(`${name} is used by ${count}: ${users.join(', ')}`, {
    hint: 'delete them, or let them use another registry, first',
  })
}

function registriesOf(policy: Policy): readonly string[] {
  return [policy.source.registry, ...routesOf(policy).map(({ destination }) => destination.registry)]
}

/** A machine without a keychain has no entry. */
async function hasEntry(session: Session, name: string): Promise<boolean> {
  try {
    return (await (await session.app()).keychain.entries()).has(name)
  } catch (error) {
    if (error instanceof KeychainError) return false
    throw error
  }
}
