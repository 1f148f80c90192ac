/** Questions for a registry's credential: its kind, where its secret stands, and what the test needs. */

import { variablePrefix } from '../../../credentials/environment.ts'
import { takenBy } from '../../commands/registries/desk.ts'
import { filled } from '../../complaint.ts'
import { type Choice, secret, select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, complaint, type Kind, type Place, type Table } from './answers.ts'

const KINDS = [
  { value: 'basic', name: 'A user name with a password or an access token', short: 'user name and password' },
  { value: 'token', name: 'A bearer token', short: 'bearer token' },
  { value: 'access_key', name: 'An access key of the cloud', short: 'access key' },
] as const

const SECRETS = {
  basic: 'Password',
  token: 'Token',
  access_key: 'Secret of the access key',
  service_account: 'Key',
} as const

/** `hasKeychain`: this machine has one. */
export function credentialTopics(table: Table, hasKeychain: boolean): readonly Topic<Answers>[] {
  const { before, adapters, session } = table
  const kinds = ({ flags }: Answers) => {
    const taken = takenBy(flags.type ?? before?.type, adapters)
    return KINDS.filter(({ value }) => taken.includes(value))
  }
  /** What can only be read is mostly open to everyone. */
  const isReadOnly = ({ flags }: Answers): boolean =>
    adapters.find(({ identity }) => identity === flags.type)?.isReadOnly === true
  const isGiven = ({ kind }: Answers): boolean => kind !== 'as-found'
  const key = ({ kind, place }: Answers) =>
    kind === 'token' ? (place === 'file' ? 'tokenFile' : 'tokenEnv') : place === 'file' ? 'passwordFile' : 'passwordEnv'
  const isWritten = (answers: Answers): boolean =>
    isGiven(answers) && (answers.place === 'variable' || answers.place === 'file')

  const credential: Topic<Answers> = {
    key: 'credential',
    label: 'Credential',
    after: ['type'],
    applies: (answers) => kinds(answers).length > 0,
    shown: ({ kind, flags }) =>
      KINDS.find(({ value }) => value === kind)?.short ??
      secretPlace(flags) ??
      (before?.credential ? `${before.credential.type}, as the file says` : 'none here: what is found elsewhere'),
    async ask(asker, answers) {
      const none: Choice<Kind> = {
        value: 'as-found',
        name: before ? 'As it is' : 'None here',
        description:
          "The environment, the keychain and the files of Docker and Podman are asked, then the cloud's own chain; else it is anonymous",
      }
      const kind = await select<Kind>(asker, {
        message: 'Credential:',
        option: '--username',
        choices: [...kinds(answers), none],
        fallback:
          answers.kind !== 'as-found' || before || isReadOnly(answers) ? answers.kind : kinds(answers)[0]?.value,
      })
      return kind === answers.kind ? answers : withoutPlaces({ ...answers, kind, secret: undefined })
    },
  }

  const username: Topic<Answers> = {
    key: 'username',
    label: 'User',
    after: ['credential'],
    applies: (answers) => isGiven(answers) && answers.kind !== 'token',
    shown: ({ flags }) => flags.username ?? '',
    async ask(asker, answers) {
      const message = answers.kind === 'access_key' ? 'Id of the access key:' : 'User name:'
      const fallback = answers.flags.username ?? before?.credential?.username
      const given = await text(asker, { message, option: '--username', fallback, check: filled })
      return { ...answers, flags: { ...answers.flags, username: given } }
    },
  }

  const place: Topic<Answers> = {
    key: 'place',
    label: 'Kept in',
    applies: isGiven,
    quiet: hasKeychain,
    shown: (answers) => placeName(answers.name, answers),
    async ask(asker, answers) {
      const places: readonly Place[] = [
        ...(hasKeychain ? (['keychain'] as const) : []),
        'environment',
        'variable',
        'file',
      ]
      if (!hasKeychain)
        session.stderr.write(`  ${session.errorColors.dim('this machine has no keychain to keep it')}\n`)
      const given = await select(asker, {
        message: 'Where does its secret stand?',
        option: '--password-env',
        choices: places.map((value) => ({ value, name: placeName(answers.name, { ...answers, place: value }) })),
        fallback: answers.place,
      })
      return given === answers.place ? answers : withoutPlaces({ ...answers, place: given })
    },
  }

  const where: Topic<Answers> = {
    key: 'where',
    label: 'Variable or file',
    after: ['place', 'credential'],
    applies: isWritten,
    shown: (answers) => answers.flags[key(answers)] ?? '',
    async ask(asker, answers) {
      const isFile = answers.place === 'file'
      const word = answers.kind === 'token' ? 'TOKEN' : 'PASSWORD'
      const suggested = `${variablePrefix(answers.name).slice('REPLICATE_'.length)}_${word}`
      const given = await text(asker, {
        message: isFile ? 'File that holds it:' : 'Name of the variable:',
        option: isFile ? '--password-file' : '--password-env',
        fallback: answers.flags[key(answers)] ?? (isFile ? undefined : suggested),
        check: (answer) => filled(answer) ?? complaint(table, answers, { [key(answers)]: answer }),
      })
      return { ...answers, flags: { ...answers.flags, [key(answers)]: given } }
    },
  }

  const needsSecret = (answers: Answers): boolean => {
    if (!isGiven(answers) || answers.place === 'file') return false
    const { passwordEnv, tokenEnv } = answers.flags
    return answers.place !== 'variable' || !session.env[passwordEnv ?? tokenEnv ?? '']
  }
  const typed: Topic<Answers> = {
    key: 'secret',
    label: 'Secret',
    after: ['credential', 'username', 'place', 'where'],
    applies: needsSecret,
    shown: () => 'not shown',
    async ask(asker, answers) {
      const only = answers.place === 'keychain' ? '' : ', for the test only'
      const message = `${answers.kind === 'as-found' ? 'Secret' : SECRETS[answers.kind]}${only}:`
      return { ...answers, secret: await secret(asker, { message, option: '--password-stdin', check: filled }) }
    },
  }
  return [credential, username, place, where, typed]
}

/** What options say of it. */
function secretPlace({
  username,
  passwordEnv,
  tokenEnv,
  passwordFile,
  tokenFile,
}: Answers['flags']): string | undefined {
  const place = passwordEnv ?? tokenEnv ?? passwordFile ?? tokenFile
  return place && [username, `from ${place}`].filter((part) => part !== undefined).join(', ')
}

/** What a place that is no longer meant would write into the file. */
function withoutPlaces(answers: Answers): Answers {
  const { passwordEnv: _, passwordFile: __, tokenEnv: ___, tokenFile: ____, ...flags } = answers.flags
  return { ...answers, flags }
}

function placeName(name: string, { place, kind }: Answers): string {
  const prefix = variablePrefix(name)
  switch (place) {
    case 'keychain':
      return "this system's keychain"
    case 'environment':
      return kind === 'token'
        ? `the variable ${prefix}_TOKEN`
        : `the variables ${prefix}_USERNAME and ${prefix}_PASSWORD`
    case 'variable':
      return 'another variable, to which the file refers'
    case 'file':
      return 'a file, to which the configuration refers'
  }
}
