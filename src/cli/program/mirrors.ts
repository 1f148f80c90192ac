/** `replicate mirrors`, as the command line declares it. */

import { type Command, Option } from 'commander'
import type { MirrorFlags } from '../commands/mirrors/export.ts'
import { origin } from '../values.ts'
import { example, type Start } from './command.ts'

export function addMirrors(program: Command, start: Start): void {
  const group = program
    .command('mirrors')
    .helpCommand(false)
    .description('what makes clients pull from where policies bring things')
  example(group, 'replicate mirrors export --format containerd')
  const exporting = group
    .command('export')
    .description('print what clients need to pull through `serve`, or from the destinations; nothing is installed')
    .argument('[file-or-policy...]', "YAML files, or policies of the user's configuration; all if none is named")
    .addOption(
      new Option('--format <format>', 'what for')
        .choices(['containerd', 'crio', 'docker', 'podman', 'openshift'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--gateway <url>', 'where clients reach `serve` (default: where it listens)').argParser(origin),
    )
    .action((names: string[], flags: MirrorFlags) =>
      start(exporting)(async (session) =>
        (await import('../commands/mirrors/export.ts')).exportMirrors(session, names, flags),
      ),
    )
  example(
    exporting,
    'replicate mirrors export --format podman',
    'replicate mirrors export --format containerd --gateway https://pulls.example.com',
  )
}
