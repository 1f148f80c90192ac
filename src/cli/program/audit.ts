/** `replicate audit`, as the command line declares it. */

import { type Command, Option } from 'commander'
import type { AuditFlags } from '../commands/audit.ts'
import { duration, positiveInteger } from '../values.ts'
import { example, type Start } from './command.ts'

export function addAudit(program: Command, start: Start): void {
  const audit = program
    .command('audit')
    .description('who changed and started what, newest first: by commands, and by the API and page of `serve`')
    .addOption(new Option('--since <duration>', 'only done since, such as 7d').argParser(duration))
    .addOption(new Option('--limit <n>', 'at most this many').argParser(positiveInteger).default(20))
    .action((flags: AuditFlags) =>
      start(audit)(async (session) => (await import('../commands/audit.ts')).audit(session, flags)),
    )
  example(audit, 'replicate audit --since 7d', 'replicate audit --limit 1000 --json')
}
