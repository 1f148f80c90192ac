/** `replicate serve`, as the command line declares it. */

import { type Command, Option } from 'commander'
import type { ServeFlags } from '../options.ts'
import { durationOrNone } from '../values.ts'
import { example, type Start } from './command.ts'

export function addServe(program: Command, start: Start): void {
  const serve = program
    .command('serve')
    .description('keep running: policies run by their triggers')
    .argument(
      '[file...]',
      "YAML files; the user's configuration if none is named. Other commands see them with --config FILE",
    )
    .addOption(
      new Option(
        '--drain <duration>',
        'how long running tasks may take to end after SIGTERM; 0s ends them at once (default: 30s)',
      ).argParser(durationOrNone),
    )
    .action((files: string[], flags: ServeFlags) =>
      start(serve)(async (session) => (await import('../commands/serve.ts')).serve(session, files, flags)),
    )
  example(serve, 'replicate serve', 'replicate serve policies.yaml --drain 2m')
}
