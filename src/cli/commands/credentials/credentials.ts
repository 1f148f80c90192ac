/** `replicate credentials`: what the keychain holds, where each registry's credential comes from, and whether it is taken. */

import type { App, FoundCredential } from '../../../app/app.ts'
import type { Configuration } from '../../../config/load.ts'
import {
  CancelledError,
  ConfigurationError,
  CredentialError,
  describeError,
  ReplicateError,
} from '../../../core/errors.ts'
import type { Registry } from '../../../core/registry.ts'
import { KEYCHAIN_ORIGIN, KeychainError } from '../../../credentials/keychain.ts'
import { worstExitCode } from '../../exit-code.ts'
import { mayDelete, type YesFlag } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { jsonDocument } from '../../render/json.ts'
import { renderTable } from '../../render/table.ts'
import { print, quietContext, type Session } from '../../session.ts'

/** The registry could not be reached, or refused the credential. */
const REFUSED = 3

export async function list(session: Session): Promise<number> {
  const app = await session.app()
  const configuration = await app.offline([])
  const known = [...configuration.registries.values()].filter(({ url }) => url !== undefined)
  const found = await Promise.all(known.map((registry) => lookUp(session, app, configuration, registry.name)))
  const entries = await app.keychain.entries().catch((error: unknown) => {
    // Without a keychain there is nothing in it; of one that failed the look-up of each registry has told.
    if (error instanceof KeychainError) return new Map<string, undefined>()
    throw error
  })
  const unused = [...entries].filter(([name]) => !configuration.registries.has(name))
  const rows: readonly Looked[] = [
    ...found.map((one) => ({ ...one, configured: true })),
    ...unused.map(([name, entry]) => ({
      name,
      configured: false,
      origin: KEYCHAIN_ORIGIN,
      kind: entry?.type,
      username: entry?.username,
    })),
  ]
  print(session, rows.map(asJson), () =>
    rows.length === 0
      ? 'no registry is configured, and the keychain has no entry\n'
      : renderTable(
          [{ title: 'REGISTRY' }, { title: 'USER' }, { title: 'FROM' }],
          rows.map((row) => [row.name, row.username ?? '', placeText(row)]),
          session.stdout.columns,
          session.colors,
        ),
  )
  return 0
}

function placeText({ origin = '', configured, error }: Looked): string {
  if (error !== undefined) return `✗ ${describeError(error)}`
  return configured ? origin : `${origin}; no registry of the configuration has this name`
}

interface Looked {
  readonly name: string
  /** Of the list: a registry of the configuration. */
  readonly configured?: boolean
  readonly origin?: string | undefined
  readonly kind?: string | undefined
  readonly username?: string | undefined
  readonly parts?: FoundCredential['parts']
  readonly error?: ReplicateError | undefined
}

/** What ends the command is thrown: a wrong name, an interrupt, a bug. */
async function lookUp(session: Session, app: App, configuration: Configuration, name: string): Promise<Looked> {
  try {
    return { name, ...(await app.credential(name, configuration, quietContext(session))) }
  } catch (error) {
    if (!isAnswer(error)) throw error
    return { name, error }
  }
}

function isAnswer(error: unknown): error is ReplicateError {
  return error instanceof ReplicateError && !(error instanceof ConfigurationError) && !(error instanceof CancelledError)
}

export async function check(session: Session, names: readonly string[]): Promise<number> {
  const app = await session.app()
  const configuration = await app.configuration([])
  const every = [...configuration.registries.values()].filter(({ url }) => url !== undefined)
  const wanted = names.length > 0 ? names.map((name) => configuration.registryOf(name)) : every
  if (wanted.length === 0) {
    throw new ConfigurationError('no registry is configured', { hint: 'name a host: replicate credentials check HOST' })
  }
  const checked: Looked[] = []
  for (const registry of wanted) {
    const one = await tried(session, app, configuration, registry)
    if (!session.json) session.stdout.write(checkedText(session, one))
    checked.push(one)
  }
  if (session.json) session.stdout.write(jsonDocument(checked.map(asJson)))
  return worstExitCode(checked.map(({ error }) => (error === undefined ? 0 : REFUSED)))
}

async function tried(
  session: Session,
  app: App,
  configuration: Configuration,
  { name, url }: Registry,
): Promise<Looked> {
  if (url === undefined) return { name, origin: 'needs no credential' }
  const looked = await lookUp(session, app, configuration, name)
  if (looked.error) return looked
  try {
    await app.signIn(name, configuration, quietContext(session))
    return looked
  } catch (error) {
    if (!isAnswer(error)) throw error
    return { ...looked, error }
  }
}

function checkedText({ colors }: Session, { name, origin, kind, username, parts = [], error }: Looked): string {
  const from = [origin, username].filter((part) => part !== undefined).join(', ')
  const first = `${colors.bold(printable(name))}${from === '' ? '' : `  ${printable(from)}`}`
  if (error === undefined) {
    const verdict = kind === undefined ? '' : kind === 'anonymous' ? '  answers without one' : '  accepted'
    return `${colors.green('✓')} ${first}${verdict}\n${parts.map(partText).join('')}`
  }
  const hint = error.hint === undefined ? '' : `    ${printable(error.hint)}\n`
  return `${colors.red('✗')} ${first}\n    ${printable(describeError(error))}\n${hint}${parts.map(partText).join('')}`
}

function partText({ repositories, origin, username }: NonNullable<Looked['parts']>[number]): string {
  const from = [origin, username].filter((part) => part !== undefined).join(', ')
  return `    for ${printable(repositories || 'all repositories')}: ${printable(from)}, not tried\n`
}

function asJson({ name, configured, origin, kind, username, parts, error }: Looked): unknown {
  return {
    registry: name,
    origin: origin ?? null,
    kind: kind ?? null,
    username: username ?? null,
    ...(parts === undefined ? {} : { parts }),
    ...(configured === undefined ? {} : { configured }),
    error: error === undefined ? null : { code: error.code, message: describeError(error), hint: error.hint ?? null },
  }
}

export async function remove(session: Session, name: string, flags: YesFlag = {}): Promise<number> {
  const app = await session.app()
  const { keychain } = app
  const names = [...(await keychain.entries()).keys()]
  const message = `Delete the credential of ${printable(name)} from the keychain?`
  if (names.includes(name) && !(await mayDelete(session, message, flags))) return 0
  if (!(await keychain.remove(name))) {
    throw new CredentialError(`the keychain has no entry for ${name}`, {
      hint: names.length === 0 ? 'it has none of this program' : `it has entries for ${names.join(', ')}`,
    })
  }
  await app.record({ verb: 'removed', noun: 'credential', name, detail: 'from the keychain' })
  print(session, { registry: name, deleted: true }, () =>
    session.quiet ? '' : `deleted the credential of ${printable(name)} from the keychain\n`,
  )
  return 0
}
