/** `replicate registries` and its options. */

import { type Command, Option } from 'commander'
import type { RemoveFlags } from '../commands/registries/change.ts'
import type { AddFlags } from '../commands/registries/desk.ts'
import type { SettingFlags } from '../commands/registries/settings.ts'
import type { YesFlag } from '../prompt/prompt.ts'
import { positiveInteger } from '../values.ts'
import { example, type Start } from './command.ts'

export function addRegistries(program: Command, start: Start): void {
  const group = program.command('registries').helpCommand(false).description('the registries of the configuration')
  example(
    group,
    'replicate registries list',
    'replicate registries add harbor --type harbor --url https://harbor.example.com',
  )
  const load = () => import('../commands/registries/registries.ts')
  const list = group
    .command('list')
    .description('every registry, and how it was when it was last checked')
    .action(() => start(list)(async (session) => (await load()).list(session)))
  example(list, 'replicate registries list')
  const show = group
    .command('show')
    .description('one registry with all that is set')
    .argument('<name>')
    .action((name: string) => start(show)(async (session) => (await load()).show(session, name)))
  example(show, 'replicate registries show harbor')
  const add = group
    .command('add')
    .description('add a registry to the configuration; asks for what is missing on a terminal')
    .argument('[name]', 'by which policies know it')
    .option('--password-stdin', 'read the password, or the token, from standard input, for the keychain')
    .option('--no-test', 'save it without a test')
    .option('--yes', 'ask nothing on a terminal')
    .action((name: string | undefined, flags: AddFlags) =>
      start(add)(async (session) => (await import('../commands/registries/add.ts')).add(session, name, flags)),
    )
  addSettingOptions(add)
  example(
    add,
    'replicate registries add',
    'replicate registries add harbor --type harbor --url https://harbor.example.com',
    'replicate registries add harbor --url https://harbor.example.com --username robot --password-env HARBOR_PASSWORD',
    'printf %s "$PASSWORD" | replicate registries add harbor --url https://harbor.example.com --username ann --password-stdin',
  )
  const update = group
    .command('update')
    .description(
      'change what the options say, and nothing else in the file; an empty value takes a setting away; without an option asks on a terminal',
    )
    .argument('<name>')
    .action((name: string, flags: SettingFlags & YesFlag) =>
      start(update)(async (session) => (await import('../commands/registries/change.ts')).update(session, name, flags)),
    )
  addSettingOptions(update)
    .option('--no-insecure', 'check its certificate')
    .option('--yes', 'ask nothing on a terminal')
  example(
    update,
    'replicate registries update harbor --url https://harbor2.example.com',
    'replicate registries update harbor',
    "replicate registries update harbor --bandwidth 50MiB/s --proxy ''",
  )
  const remove = group
    .command('remove')
    .description('remove a registry that no policy uses; asks on a terminal')
    .argument('<name>')
    .option('--credential', 'remove its credential from the keychain, too')
    .option('--no-credential', 'leave its credential in the keychain')
    .option('--yes', 'remove without asking, and leave its credential unless told otherwise')
    .action((name: string, flags: RemoveFlags) =>
      start(remove)(async (session) => (await import('../commands/registries/change.ts')).remove(session, name, flags)),
    )
  example(remove, 'replicate registries remove harbor')
  const ping = group
    .command('ping')
    .description('check registries now, step by step; writes nothing to them')
    .argument('[name...]', 'names or hosts; every registry of the configuration if none is named')
    .action((names: string[]) =>
      start(ping)(async (session) => (await import('../commands/registries/ping.ts')).ping(session, names)),
    )
  example(ping, 'replicate registries ping harbor')
}

/** What the file may say of a registry. */
function addSettingOptions(command: Command): Command {
  return command
    .option('--type <type>', 'see: replicate adapters list; by default what the host gives away')
    .option('--url <url>', 'where it answers; http:// means plain HTTP')
    .option('--path <path>', 'the directory or .tar of an oci-layout')
    .option('--description <text>', 'for people')
    .option('--insecure', 'skip the check of its certificate')
    .option('--ca <file>', 'a PEM file of extra trust')
    .option('--client-cert <file>', 'a PEM file for mutual TLS')
    .option('--client-key <file>', 'its key')
    .option('--proxy <url>', 'instead of the one in the environment')
    .option('--user-agent <text>', 'what its requests call this program')
    .option('--username <user>', 'of its credential; of an access key its id')
    .option('--password-env <name>', 'a variable that holds the password: the file refers to it, no keychain is needed')
    .option('--password-file <file>', 'a file that holds the password, which stays where it is')
    .option('--token-env <name>', 'a variable that holds a bearer token')
    .option('--token-file <file>', 'a file that holds a bearer token')
    .addOption(new Option('--connections <n>', 'open connections to its host').argParser(numberOrNone))
    .option('--requests-per-second <n>', 'to its host')
    .option('--bandwidth <rate>', 'from and to its host, such as 50MiB/s')
}

function numberOrNone(text: string): number | '' {
  return text === '' ? '' : positiveInteger(text)
}
