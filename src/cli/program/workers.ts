/** `replicate worker` and `replicate workers`, as the command line declares them. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { WorkerFlags } from '../options.ts'
import { durationOrNone, positiveInteger, rate } from '../values.ts'
import { example, type Start } from './command.ts'

export function addWorkers(program: Command, start: Start): void {
  const load = () => import('../commands/workers.ts')
  const worker = program
    .command('worker')
    .description(
      'take tasks of `run`, `serve` and `verify --full --workers` of other machines, until it is told to end',
    )
    .addOption(new Option('--concurrency <n>', 'tasks at once (default: 8)').argParser(positiveInteger))
    .addOption(new Option('--bandwidth <rate>', 'of all its tasks together, such as 50MiB/s').argParser(rate))
    .addOption(new Option('--name <id>', 'what it is called (default: its host and process)').argParser(workerName))
    .addOption(
      new Option(
        '--drain <duration>',
        'how long its tasks may take to end after SIGTERM; the others are given back (default: 30s)',
      ).argParser(durationOrNone),
    )
    .action((flags: WorkerFlags) => start(worker)(async (session) => (await load()).worker(session, flags)))
  example(worker, 'replicate worker', 'replicate worker --config workers.yaml --concurrency 16')

  const group = program.command('workers').helpCommand(false).description('the machines that take tasks')
  example(group, 'replicate workers list')
  const list = group
    .command('list')
    .description('who is there, how many tasks it does, and how fast')
    .action(() => start(list)(async (session) => (await load()).list(session)))
  example(list, 'replicate workers list --json')
}

function workerName(text: string): string {
  if (/^[\w.@-]{1,64}$/.test(text)) return text
  throw new InvalidArgumentError('It must be letters, digits, `.`, `_`, `@` and `-`.')
}
