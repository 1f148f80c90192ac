/** `replicate registries` and its options. */

import type { Command } from 'commander'
import { example, type Start } from './program.ts'

export function addRegistries(program: Command, start: Start): void {
  const group = program.command('registries').helpCommand(false).description('the registries of the configuration')
  const load = () => import('./commands/registries.ts')
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
  const ping = group
    .command('ping')
    .description('check registries now, step by step; writes nothing to them')
    .argument('[name...]', 'names or hosts; every registry of the configuration where there is none')
    .action((names: string[]) =>
      start(ping)(async (session) => (await import('./commands/registries-ping.ts')).ping(session, names)),
    )
  example(ping, 'replicate registries ping harbor')
}
