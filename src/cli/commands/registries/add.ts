/** `replicate registries add`: by options, or by questions if a value is missing and there is a terminal. */

import { registryJson } from '../../../config/document/registry.ts'
import { homeUrl, registryOfHost } from '../../../config/hosts.ts'
import type { Configuration } from '../../../config/load.ts'
import type { AdapterType } from '../../../core/adapter.ts'
import { ConfigurationError, CredentialError } from '../../../core/errors.ts'
import type { Registry } from '../../../core/registry.ts'
import { KEYCHAIN_ORIGIN } from '../../../credentials/keychain.ts'
import type { WrittenCredential } from '../../../credentials/kinds.ts'
import { canAsk, secret } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { print, quietContext, type Session } from '../../session.ts'
import { refuseWithoutKeychain } from '../credentials/instead.ts'
import { readSecret } from '../credentials/set.ts'
import { secretOptions } from './credential.ts'
import {
  type AddFlags,
  checked,
  type Desk,
  deskOf,
  editsOf,
  type NewRegistry,
  refuseKnown,
  takenBy,
  tried,
} from './desk.ts'
import { factsOf } from './registries.ts'
import { withScheme } from './settings.ts'

export async function add(session: Session, name: string | undefined, flags: AddFlags): Promise<number> {
  const desk = await deskOf(session)
  const { configuration, adapters } = desk
  if (name !== undefined) refuseKnown(configuration, name)
  const whole = isWhole(name, flags, adapters)
  if (session.json || flags.yes || flags.passwordStdin || !canAsk(session)) {
    return save(desk, await fromOptions(desk, name, flags), flags.test)
  }
  const { askRegistry } = await import('../../wizard/registry/registry.ts')
  const type = whole ? (flags.type ?? typeOf(flags.url, flags.path, adapters)) : flags.type
  const draft = await askRegistry(desk, { name, flags: { ...flags, ...(type ? { type } : {}) }, isWhole: whole })
  if (draft !== undefined) return save(desk, draft, false)
  session.stderr.write('nothing was written\n')
  return 0
}

/** True if the options give everything that is needed. */
function isWhole(
  name: string | undefined,
  { type, url, path }: AddFlags,
  adapters: readonly AdapterType[],
): name is string {
  const hasPlace = url !== undefined || path !== undefined
  return name !== undefined && (hasPlace || (type !== undefined && homeUrl(name, type, adapters) !== undefined))
}

async function fromOptions(desk: Desk, name: string | undefined, flags: AddFlags): Promise<NewRegistry> {
  const { url, path } = flags
  if (name === undefined) throw missing('NAME')
  const type = flags.type ?? typeOf(url, path, desk.adapters)
  if (type === undefined) throw missing('--url')
  if (url === undefined && path === undefined && homeUrl(name, type, desk.adapters) === undefined) {
    throw missing(type === 'oci-layout' ? '--path' : '--url')
  }
  const credential = await credentialOf(desk, name, { ...flags, type })
  return { name, flags: { ...flags, type }, credential, keep: true }
}

function missing(option: string): ConfigurationError {
  return new ConfigurationError(`\`${option}\` is missing, and there is no terminal to ask on`, {
    hint: 'as in: replicate registries add harbor --type harbor --url https://harbor.example.com',
  })
}

/** What the host gives away. */
function typeOf(
  url: string | undefined,
  path: string | undefined,
  adapters: readonly AdapterType[],
): string | undefined {
  if (path !== undefined) return 'oci-layout'
  if (url === undefined || !URL.canParse(withScheme(url))) return url === undefined ? undefined : 'docker-registry'
  return registryOfHost(new URL(withScheme(url)).host, adapters).type
}

async function credentialOf(
  { session, app, adapters }: Desk,
  name: string,
  flags: AddFlags,
): Promise<WrittenCredential | undefined> {
  const { username, passwordStdin, type, url } = flags
  const others = secretOptions(flags)
  if (others.length > 0 && passwordStdin) {
    throw new ConfigurationError(`--password-stdin and ${others.join(' and ')} exclude each other`, {
      hint: 'a secret stands in one place',
    })
  }
  if (others.length > 0 || (username === undefined && !passwordStdin)) return undefined
  // Before the user types a password.
  const place = url === undefined ? '' : ` --url ${url}`
  await refuseWithoutKeychain(app.keychain, { name, username, verb: `add ${name}${place}` })
  const message = `Password for ${name}:`
  const password = passwordStdin
    ? await readSecret(session)
    : await secret(session, { message, option: '--password-stdin' })
  return writtenCredential(username, password, takenBy(type, adapters))
}

function writtenCredential(
  username: string | undefined,
  password: string,
  taken: readonly string[],
): WrittenCredential {
  if (username === undefined) return { type: 'token', secret: password }
  return { type: taken.includes('basic') ? 'basic' : 'access_key', username, secret: password }
}

/** Tests it unless told not to, keeps its credential, and writes it. */
async function save(desk: Desk, draft: NewRegistry, test = true): Promise<number> {
  const { session, app } = desk
  const registry = await checked(desk, draft)
  if (test && (await tried(desk, draft, registry)).some(({ ok }) => !ok)) {
    throw new CredentialError(`${draft.name} was not added: its test failed`, {
      hint: 'correct what the last step names; --no-test adds it all the same',
    })
  }
  await keepCredential(desk, draft, registry)
  const { path, configuration } = await app.edit(editsOf(desk, draft))
  await warnOfOther(desk, draft, configuration)
  const facts = await factsOf(app, configuration, registry)
  print(session, registryJson(registry, facts), () => (session.quiet ? '' : added(session, draft, path)))
  return 0
}

function added({ colors }: Session, { name, first }: NewRegistry, path: string): string {
  const done = `${colors.green('✓')} added ${printable(name)} to ${printable(path)}\n`
  const before = first === undefined ? '' : `  first: export ${printable(first)}\n`
  return `${done}${before}  ${first === undefined ? 'use it' : 'then'}: replicate policies create\n`
}

/** What is kept in the keychain is not used where another place of the chain has one. */
export async function warnOfOther(
  { session, app }: Desk,
  draft: NewRegistry,
  configuration: Configuration,
): Promise<void> {
  if (!draft.credential || !draft.keep || session.quiet) return
  const { origin } = await app.credential(draft.name, configuration, quietContext(session))
  if (origin === KEYCHAIN_ORIGIN) return
  session.stderr.write(`warning: its credential is not used while there is another before it: ${origin}\n`)
}

/** Before the registry is written: without a keychain nothing is. */
export async function keepCredential(
  { app }: Desk,
  { credential, keep: wanted }: NewRegistry,
  registry: Registry,
): Promise<void> {
  if (!credential || !wanted) return
  await app.keychain.store(registry, credential)
  await app.record({ verb: 'changed', noun: 'credential', name: registry.name, detail: 'in the keychain' })
}
