/** `replicate credentials` and `replicate doctor`, with their options. */

import { type Command, Option } from 'commander'
import type { SetFlags } from '../commands/credentials/set.ts'
import type { YesFlag } from '../prompt/prompt.ts'
import { example, type Start } from './command.ts'

export function addCredentials(program: Command, start: Start): void {
  const group = program
    .command('credentials')
    .helpCommand(false)
    .description('where the credentials of registries come from, and those in the keychain')
  example(group, 'replicate credentials set harbor', 'replicate credentials check harbor')
  const load = () => import('../commands/credentials/credentials.ts')
  const set = group
    .command('set')
    .description('store a credential in the keychain; the secret is asked for, or read from standard input')
    .argument('<registry>', 'its name in the configuration, or a host')
    .option('--username <user>', 'of an access key its id')
    .addOption(
      new Option('--type <type>', "what it is; by default the first that the registry's adapter takes").choices([
        'basic',
        'token',
        'access_key',
        'service_account',
      ]),
    )
    .option('--stdin', 'read the secret from standard input')
    .action((registry: string, flags: SetFlags) =>
      start(set)(async (session) => (await import('../commands/credentials/set.ts')).set(session, registry, flags)),
    )
  example(
    set,
    'replicate credentials set harbor',
    'printf %s "$PASSWORD" | replicate credentials set harbor --username ann --stdin',
    'replicate credentials set gar --type service_account --stdin < key.json',
  )
  const check = group
    .command('check')
    .description('say where credentials come from, and whether the registries accept them')
    .argument('[registry...]', 'names or hosts; every registry of the configuration if none is named')
    .action((names: string[]) => start(check)(async (session) => (await load()).check(session, names)))
  example(check, 'replicate credentials check harbor')
  const list = group
    .command('list')
    .description('where the credential of each registry comes from, and what else is in the keychain; asks no registry')
    .action(() => start(list)(async (session) => (await load()).list(session)))
  example(list, 'replicate credentials list')
  const remove = group
    .command('delete')
    .description('delete a credential from the keychain; asks on a terminal')
    .argument('<registry>')
    .option('--yes', 'delete without asking')
    .action((registry: string, flags: YesFlag) =>
      start(remove)(async (session) => (await load()).remove(session, registry, flags)),
    )
  example(remove, 'replicate credentials delete harbor')
}

export function addDoctor(program: Command, start: Start): void {
  const doctor = program
    .command('doctor')
    .description('check versions, files, keychain, registries and clock; status 1 where something is broken')
    .action(() => start(doctor)(async (session) => (await import('../commands/doctor.ts')).doctor(session)))
  example(doctor, 'replicate doctor')
}
