/** `replicate executions` and its subcommands, as the command line declares them. */

import { type Command, Option } from 'commander'
import { addTransferOptions, addTriggerOption, type RunFlags } from '../options.ts'
import { duration, positiveInteger } from '../values.ts'
import { example, type Start } from './command.ts'

export function addExecutions(program: Command, start: Start): void {
  const group = program.command('executions').helpCommand(false).description('what ran, what runs, and how it went')
  example(group, 'replicate executions list', 'replicate executions show last')
  const load = () => import('../commands/executions/executions.ts')
  const id = ['[id]', 'a number, last, or last:POLICY', 'last'] as const
  const list = group
    .command('list')
    .description('the executions, newest first')
    .option('--policy <name>', 'only of this policy')
    .option('--status <status>', 'only in this status')
    .addOption(new Option('--since <duration>', 'only begun since, such as 7d').argParser(duration))
    .addOption(new Option('--limit <n>', 'at most this many').argParser(positiveInteger).default(20))
    .action((flags: import('../commands/executions/executions.ts').ListFlags) =>
      start(list)(async (session) => (await load()).list(session, flags)),
    )
  example(list, 'replicate executions list --status failed --since 7d')
  const show = group
    .command('show')
    .description('the summary of one execution, then its tasks')
    .argument(...id)
    .option('--failed', 'only tasks that failed')
    .action((execution: string, flags: { readonly failed?: boolean }) =>
      start(show)(async (session) => (await import('../commands/executions/show.ts')).show(session, execution, flags)),
    )
  example(show, 'replicate executions show', 'replicate executions show last:base-images --failed')
  const logs = group
    .command('logs')
    .description("an execution's log, or that of one task")
    .argument(...id)
    .argument('[task]', "the task's number within the execution")
    .addOption(new Option('--level <level>', 'this level and worse').choices(['debug', 'info', 'warning', 'error']))
    .option('--follow', 'keep printing until the execution ends')
    .action((execution: string, task: string | undefined, flags: import('../commands/executions/logs.ts').LogFlags) =>
      start(logs)(async (session) =>
        (await import('../commands/executions/logs.ts')).logs(session, execution, task, flags),
      ),
    )
  example(logs, 'replicate executions logs 42 3', 'replicate executions logs last --follow')
  const watch = group
    .command('watch')
    .description('the live progress of an execution that another process runs; ends as it ends')
    .argument(...id)
    .action((execution: string) =>
      start(watch)(async (session) => (await import('../commands/executions/watch.ts')).watch(session, execution)),
    )
  example(watch, 'replicate executions watch last:base-images')
  const stop = group
    .command('stop')
    .description('stop a running execution, from any process')
    .argument(...id)
    .action((execution: string) => start(stop)(async (session) => (await load()).stop(session, execution)))
  example(stop, 'replicate executions stop last:base-images')
  const pause = group
    .command('pause')
    .description(
      'stop the bytes of a running execution, in the middle of a blob too, until it is resumed; from any process',
    )
    .argument(...id)
    .action((execution: string) => start(pause)(async (session) => (await load()).pause(session, execution)))
  example(pause, 'replicate executions pause', 'replicate executions pause 42')
  const resume = group
    .command('resume')
    .description('resume a paused execution, or here one that was stopped, failed or was interrupted')
    .argument(...id)
    .action((execution: string, flags: RunFlags) =>
      start(resume)(async (session) => (await load()).resume(session, execution, flags)),
    )
  addTransferOptions(resume)
  example(resume, 'replicate executions resume last', 'replicate executions resume 42 --bandwidth 50MiB/s')
  const retry = group
    .command('retry')
    .description('run the tasks that failed or were stopped as a new execution')
    .argument(...id)
    .action((execution: string, flags: RunFlags) =>
      start(retry)(async (session) => (await load()).retry(session, execution, flags)),
    )
  addTriggerOption(addTransferOptions(retry))
  example(retry, 'replicate executions retry last:base-images')
  const report = group
    .command('report')
    .description('a report of one execution: --json and --markdown on standard output, the others as files')
    .argument(...id)
    .option('--html <file>', 'one page with charts, tasks, errors and the log, which needs nothing else')
    .option('--junit <file>', 'JUnit XML, a case for each task')
    .option('--markdown', 'a table and the tasks that failed')
    .action((execution: string, flags: import('../commands/executions/report.ts').ReportFlags) =>
      start(report)(async (session) =>
        (await import('../commands/executions/report.ts')).report(session, execution, flags),
      ),
    )
  example(
    report,
    'replicate executions report last --html report.html',
    'replicate executions report 42 --markdown >> "$GITHUB_STEP_SUMMARY"',
  )
  const prune = group
    .command('prune')
    .description(
      'delete old executions with their tasks and logs, never one that runs; with both options, what both say',
    )
    .addOption(new Option('--keep <n>', 'all but this many of the newest').argParser(positiveInteger))
    .addOption(new Option('--older-than <duration>', 'begun longer ago, such as 90d').argParser(duration))
    .option('--dry-run', 'say what would be deleted, and delete nothing')
    .option('--yes', 'delete without asking on a terminal')
    .action((flags: import('../commands/executions/prune.ts').PruneFlags) =>
      start(prune)(async (session) => (await import('../commands/executions/prune.ts')).prune(session, flags)),
    )
  example(prune, 'replicate executions prune --keep 100', 'replicate executions prune --older-than 90d --dry-run')
}
