/** The questions of `registries add` and `registries update`. */

import type { PingStep } from '../../../core/adapter.ts'
import { ConfigurationError, describeError } from '../../../core/errors.ts'
import { KeychainError } from '../../../credentials/keychain.ts'
import { secretOptions } from '../../commands/registries/credential.ts'
import { type AddFlags, checked, type Desk, type NewRegistry, takenBy, tried } from '../../commands/registries/desk.ts'
import { printable } from '../../render/format.ts'
import { dialog, type Topic, type Verdict } from '../dialog.ts'
import { type Answers, draftOf, type Table } from './answers.ts'
import { certificateTopic } from './certificate.ts'
import { credentialTopics } from './credential.ts'
import { placeTopics } from './place.ts'
import { settingTopics } from './settings.ts'

export interface Given {
  readonly name: string | undefined
  readonly flags: AddFlags
  /** The options say all that is needed; only where its test fails is anything asked. */
  readonly isWhole: boolean
}

/** Asks for everything that no option gave. Undefined if the user leaves; then nothing was written. */
export async function askRegistry(desk: Desk, { name, flags, isWhole }: Given): Promise<NewRegistry | undefined> {
  const { test, yes: _, passwordStdin: __, ...settings } = flags
  const answers = await firstAnswers(desk, name ?? '', settings)
  const answered = [
    ...(name === undefined ? [] : ['name']),
    ...(flags.type === undefined ? [] : ['type']),
    ...(flags.url === undefined ? [] : ['url']),
    ...(flags.path === undefined ? [] : ['path']),
    ...(flags.description === undefined && !isWhole ? [] : ['description']),
    ...(isWhole ? ['type', 'url', 'path'] : []),
    ...(isWhole || flags.username !== undefined || secretOptions(flags).length > 0 ? ['credential'] : []),
    ...(flags.username === undefined ? [] : ['username']),
    ...(secretOptions(flags).length === 0 ? [] : ['place', 'where', 'username']),
  ]
  return talk({ ...desk, before: undefined }, answers, answered, { mayTest: test ?? true, direct: isWhole })
}

/** The changes that the user wants; undefined if the user wants none. */
export async function askChanges(desk: Desk, before: NonNullable<Table['before']>): Promise<NewRegistry | undefined> {
  const answers = await firstAnswers(desk, before.name, {})
  const all = ['type', 'url', 'path', 'description', 'credential', 'username', 'place', 'where', 'secret']
  return talk({ ...desk, before }, answers, all, { mayTest: true, direct: false })
}

async function firstAnswers({ app, adapters }: Desk, name: string, flags: Answers['flags']): Promise<Answers> {
  const isUser = flags.username !== undefined && secretOptions(flags).length === 0
  const key = takenBy(flags.type, adapters).includes('basic') || flags.type === undefined ? 'basic' : 'access_key'
  return {
    name,
    flags,
    kind: isUser ? key : 'as-found',
    place: (await hasKeychain(app)) ? 'keychain' : 'environment',
    secret: undefined,
  }
}

async function talk(
  table: Table,
  answers: Answers,
  answered: readonly string[],
  { mayTest, direct }: { readonly mayTest: boolean; readonly direct: boolean },
): Promise<NewRegistry | undefined> {
  const { session, places, before, app } = table
  const certificate = certificateTopic(table)
  const topics = [
    ...placeTopics(table),
    ...credentialTopics(table, await hasKeychain(app)),
    certificate.topic,
    ...settingTopics(table),
  ]
  let saved: Answers | undefined
  try {
    saved = await dialog(session, {
      topics,
      answers,
      answered,
      file: places.file,
      direct,
      review: async (now) => (isSame(now, answers) && before ? { ok: true } : review(table, now, topics, mayTest)),
    })
  } finally {
    if (!saved) await certificate.forget()
  }
  return saved && !(before && isSame(saved, answers)) ? draftOf(table, saved) : undefined
}

function isSame(one: Answers, other: Answers): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

async function review(
  table: Table,
  answers: Answers,
  topics: readonly Topic<Answers>[],
  mayTest: boolean,
): Promise<Verdict> {
  const { session } = table
  const draft = draftOf(table, answers)
  try {
    const registry = await checked(table, draft)
    if (!mayTest) return { ok: true }
    session.stderr.write(`testing ${printable(registry.url ?? registry.path ?? '')}\n`)
    const failed = (await tried(table, draft, registry)).find(({ ok }) => !ok)
    if (!failed) return { ok: true }
    const likely = likelyWrong(failed, answers)
    const isAsked = topics.some(({ key, applies }) => key === likely && (applies?.(answers) ?? true))
    return { ok: false, likely: isAsked ? likely : 'url' }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    session.stderr.write(`  ${session.errorColors.red('✗')} ${printable(describeError(error))}\n`)
    if (error.hint) session.stderr.write(`    ${printable(error.hint)}\n`)
    return { ok: false, likely: 'credential' }
  }
}

/** The answer that a failed step speaks of. */
function likelyWrong({ name, detail }: PingStep, { kind, place }: Answers): string {
  if (name === 'TLS') return /plain HTTP/.test(detail) ? 'url' : /client_cert/.test(detail) ? 'client' : 'certificate'
  if (name === 'layout') return 'path'
  if (name !== 'credential' && name !== 'listing') return 'url'
  if (kind === 'as-found') return 'credential'
  return place === 'file' || place === 'variable' ? 'where' : 'secret'
}

/** A locked one is unlocked when the credential is written. */
async function hasKeychain({ keychain }: Desk['app']): Promise<boolean> {
  try {
    await keychain.entries()
    return true
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error
    return !error.absent
  }
}
