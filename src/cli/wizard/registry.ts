/** The questions of `replicate registries add`. */

import { homeUrl, registryOfHost } from '../../config/hosts.ts'
import { NAME } from '../../config/schema.ts'
import type { AdapterType } from '../../core/adapter.ts'
import { ConfigurationError } from '../../core/errors.ts'
import { variablePrefix } from '../../credentials/environment.ts'
import { KeychainError } from '../../credentials/keychain.ts'
import type { WrittenCredential } from '../../credentials/kinds.ts'
import { type AddFlags, checked, type Desk, type NewRegistry, refuseKnown, tried } from '../commands/registries/desk.ts'
import { type SettingFlags, withScheme } from '../commands/registries/settings.ts'
import { type Choice, confirm, secret, select, text } from '../prompt/prompt.ts'
import { printable } from '../render/format.ts'

/** Asks for everything that no option gave. Undefined if the user cancels; then nothing was written. */
export async function wizard(desk: Desk, name: string | undefined, given: AddFlags): Promise<NewRegistry | undefined> {
  let draft: NewRegistry | undefined
  for (;;) {
    draft = await asked(desk, name, given, draft)
    const next = given.test === false ? 'save' : await afterTest(desk, draft)
    if (next === 'leave') return undefined
    if (next === 'save') break
  }
  const { session, places } = desk
  const message = `Save it to ${printable(places.file)}?`
  return (await confirm(session, { message, option: '--url', fallback: true })) ? draft : undefined
}

type Next = 'save' | 'change' | 'leave'

async function afterTest(desk: Desk, draft: NewRegistry): Promise<Next> {
  const { session } = desk
  const registry = await checked(desk, draft)
  session.stderr.write(`testing ${printable(registry.url ?? registry.path ?? '')}\n`)
  if (await tried(desk, draft, registry)) return 'save'
  return select<Next>(session, {
    message: 'The test failed. What now?',
    option: '--no-test',
    choices: [
      { value: 'change', name: 'Change the answers', description: 'Asks again, with what was answered as default' },
      { value: 'save', name: 'Save it all the same', description: 'The registry may not be there yet' },
      { value: 'leave', name: 'Leave', description: 'Nothing is written' },
    ],
  })
}

/** After a failed test, values of options are asked for, too. */
async function asked(
  desk: Desk,
  name: string | undefined,
  given: AddFlags,
  before?: NewRegistry,
): Promise<NewRegistry> {
  const { url, path, ...rest } = given
  const fixed: AddFlags = before ? {} : given
  const type = fixed.type ?? (await askType(desk, given, before))
  const adapter = desk.adapters.find(({ identity }) => identity === type)
  const chosen = (before ? undefined : name) ?? (await askName(desk, type, before))
  const place = await askPlace(desk, chosen, type, fixed, before)
  const description = fixed.description ?? (await askDescription(desk, before))
  const { credential, keep } = await askCredential(desk, chosen, adapter, fixed, before)
  const insecure =
    fixed.insecure ?? (await askInsecure(desk, place.url ?? homeUrl(chosen, type, desk.adapters), before))
  const flags = { ...rest, type, ...place, description, ...(insecure ? { insecure } : {}) }
  return { name: chosen, flags, credential, keep }
}

function askType({ session, adapters }: Desk, { url, path }: AddFlags, before?: NewRegistry): Promise<string> {
  const guess = path ? 'oci-layout' : url && URL.canParse(withScheme(url)) ? hostType(url, adapters) : undefined
  return select(session, {
    message: 'Type of registry:',
    option: '--type',
    choices: adapters.map(
      ({ identity, name, description, home }): Choice<string> => ({
        value: identity,
        name,
        description: [description, home].filter((part) => part !== undefined).join('\n'),
      }),
    ),
    fallback: before?.flags.type ?? guess ?? 'docker-registry',
  })
}

function hostType(url: string, adapters: readonly AdapterType[]): string {
  return registryOfHost(new URL(withScheme(url)).host, adapters).type
}

function askName({ session, configuration, adapters }: Desk, type: string, before?: NewRegistry): Promise<string> {
  const taken = (name: string): boolean => configuration.registries.has(name)
  const short = adapters.find(({ identity }) => identity === type)?.short ?? type
  const free = Array.from({ length: 100 }, (_, at) => (at === 0 ? short : `${short}-${at + 1}`)).find((n) => !taken(n))
  return text(session, {
    message: 'Name, by which policies know it:',
    option: 'NAME',
    fallback: before?.name ?? free,
    check: (name) => {
      if (!NAME.test(name)) return 'letters, digits, `.`, `_` and `-` make a name'
      return complaint(() => refuseKnown(configuration, name))
    },
  })
}

function complaint(work: () => void): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message
    throw error
  }
}

async function askPlace(
  { session, adapters }: Desk,
  name: string,
  type: string,
  given: AddFlags,
  before?: NewRegistry,
): Promise<Pick<SettingFlags, 'url' | 'path'>> {
  if (given.url !== undefined) return { url: given.url }
  if (given.path !== undefined) return { path: given.path }
  if (type === 'oci-layout') {
    const message = 'Directory, or .tar file:'
    const fallback = before?.flags.path ?? './archive'
    return { path: await text(session, { message, option: '--path', fallback, check: filled }) }
  }
  const home = homeUrl(name, type, adapters)
  const url = await text(session, {
    message: 'URL:',
    option: '--url',
    fallback: before?.flags.url ?? home,
    check: (answer) =>
      /^https?:\/\/[^\s/@]+(\/[^\s?#]*)?$/.test(withScheme(answer)) && URL.canParse(withScheme(answer))
        ? undefined
        : 'a URL such as https://registry.example.com, or a host',
  })
  // Its own address need not stand in the file.
  return withScheme(url) === home ? {} : { url: withScheme(url) }
}

function filled(answer: string): string | undefined {
  return answer === '' ? 'it cannot be empty' : undefined
}

function askDescription({ session }: Desk, before?: NewRegistry): Promise<string> {
  const fallback = before?.flags.description || undefined
  return text(session, { message: 'Description (may be left out):', option: '--description', fallback })
}

/** Asked only for HTTPS. */
async function askInsecure({ session }: Desk, url: string | undefined, before?: NewRegistry): Promise<boolean> {
  if (!url?.startsWith('https:')) return false
  const fallback = !before?.flags.insecure
  return !(await confirm(session, { message: 'Verify its certificate?', option: '--insecure', fallback }))
}

type Given = Pick<NewRegistry, 'credential' | 'keep'>

const NOTHING: Given = { credential: undefined, keep: false }

async function askCredential(
  desk: Desk,
  name: string,
  adapter: AdapterType | undefined,
  given: AddFlags,
  before?: NewRegistry,
): Promise<Given> {
  const { session } = desk
  const kinds = KINDS.filter(({ value }) => adapter?.credentials.includes(value))
  if (kinds.length === 0) return NOTHING
  const place = await keptWhere(desk, name)
  const kind =
    given.username === undefined
      ? await select<(typeof KINDS)[number]['value'] | 'none'>(session, {
          message: 'Credential:',
          option: '--username',
          choices: [...kinds.map((choice) => ({ ...choice, description: place.description })), NONE],
          fallback: before === undefined || before.credential ? 'basic' : 'none',
        })
      : 'basic'
  if (kind === 'none') return NOTHING
  const username = kind === 'token' ? undefined : (given.username ?? (await askUsername(desk, kind, before)))
  const message = `${SECRETS[kind]}${place.keep ? '' : ', for the test only'}:`
  const typed = await secret(session, { message, option: '--password-stdin', check: filled })
  const written: WrittenCredential = { type: kind, secret: typed, ...(username === undefined ? {} : { username }) }
  if (!place.keep) session.stderr.write(`${place.description}\n`)
  return { credential: written, keep: place.keep }
}

const KINDS = [
  { value: 'basic', name: 'A user name with a password or an access token' },
  { value: 'token', name: 'A bearer token' },
  { value: 'access_key', name: 'An access key of the cloud' },
] as const

const NONE: Choice<'none'> = {
  value: 'none',
  name: 'None here',
  description:
    "The environment and the files of Docker and Podman are asked, then the cloud's own chain; else it is anonymous",
}

const SECRETS = { basic: 'Password', token: 'Token', access_key: 'Secret of the access key' } as const

function askUsername({ session }: Desk, kind: string, before?: NewRegistry): Promise<string> {
  const message = kind === 'access_key' ? 'Id of the access key:' : 'User name:'
  const fallback = before?.credential?.username
  return text(session, { message, option: '--username', fallback, check: filled })
}

/** Whether the credential can be kept in the keychain, and what to tell the user about it. */
async function keptWhere(
  { app }: Desk,
  name: string,
): Promise<{ readonly keep: boolean; readonly description: string }> {
  try {
    await app.keychain.entries()
  } catch (error) {
    if (!(error instanceof KeychainError)) throw error
    if (error.absent) return { keep: false, description: insteadOf(name) }
  }
  // A locked keychain is unlocked when the credential is written.
  return { keep: true, description: "It is kept in this system's keychain" }
}

function insteadOf(name: string): string {
  const prefix = variablePrefix(name)
  const variables = `${prefix}_USERNAME and ${prefix}_PASSWORD (or ${prefix}_TOKEN)`
  return `This machine has no keychain to keep it: set ${variables} where replicate runs`
}
