/** The options that several commands share. */

import { type Command, Option } from 'commander'
import type { RunOptions } from '../app/app.ts'
import { TRIGGERS } from '../core/states.ts'
import { collect, duration, type FilterFlags, fileEnding, filter, positiveInteger, rate, shard } from './values.ts'

export interface WorkerFlags {
  readonly concurrency?: number
  /** Bytes a second. */
  readonly bandwidth?: number
  readonly name?: string
  /** Milliseconds. */
  readonly drain?: number
}

/** As commander hands them over, values already checked. */
export interface RunFlags extends Omit<RunOptions, 'plan' | 'thorough'> {
  readonly policy?: readonly string[]
  readonly dryRun?: boolean
  /** A file. */
  readonly plan?: string
  readonly report?: string
  readonly summary?: string
  readonly metrics?: string
}

export interface PlanFlags {
  readonly policy?: readonly string[]
  readonly filter?: FilterFlags
  readonly shard?: { readonly index: number; readonly count: number }
  readonly referrers?: 'all' | 'changed'
  readonly explain?: boolean
  readonly exitCode?: boolean
  readonly shallow?: boolean
  readonly sizes?: boolean
  readonly out?: string
}

export interface VerifyFlags {
  readonly policy?: readonly string[]
  readonly filter?: FilterFlags
  readonly shard?: { readonly index: number; readonly count: number }
  readonly full?: boolean
  readonly workers?: boolean
  readonly repair?: boolean
}

export interface ServeFlags {
  /** Milliseconds. */
  readonly drain?: number
}

export function addGlobalOptions(program: Command): Command {
  return program
    .option('-c, --config <file>', "the user's configuration (default: $REPLICATE_CONFIG, then the XDG place)")
    .option('--json', 'print one document, or one JSON object a line')
    .option('-q, --quiet', 'print errors only')
    .addOption(
      new Option('-v, --verbose', 'say more, and name each task; -vv shows each request').argParser(
        (_value, previous: number | undefined) => (previous ?? 0) + 1,
      ),
    )
    .option('--no-color', 'no colours (also NO_COLOR)')
    .option('--no-progress', 'no progress bars')
    .option('--untrusted', 'refuse files that run code, touch files of this machine, or use its variables')
    .option('--home <dir>', 'where the history is kept (also REPLICATE_HOME)')
}

export function addSelectionOptions(command: Command): Command {
  return command.addOption(
    new Option('--policy <name>', 'only this policy of the files; may be repeated').argParser(collect),
  )
}

export function addFilterOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--filter <key=pattern>', 'narrow further by name, tag, resource or label; may be repeated').argParser(
        filter,
      ),
    )
    .addOption(new Option('--shard <i/n>', 'only the I-th of N parts').argParser(shard))
}

export function addNarrowingOptions(command: Command): Command {
  return addFilterOptions(command).addOption(
    new Option(
      '--referrers <which>',
      'of which artifacts signatures, attestations and SBOMs are looked for: changed (default), or all, which finds late ones',
    ).choices(['all', 'changed']),
  )
}

export function addRunOptions(command: Command): Command {
  const narrowed = addNarrowingOptions(command).option('--dry-run', 'show the plan and touch nothing')
  return addTriggerOption(addTransferOptions(narrowed))
}

/** Of every command that begins an execution. */
export function addTriggerOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--trigger <kind>',
      'what starts it, for the history; exported schedules say so (default: manual)',
    ).choices(TRIGGERS),
  )
}

/** Options of every command that executes a plan. */
export function addTransferOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--concurrency <n>', 'blob streams at once (default: 8, of each worker)').argParser(positiveInteger),
    )
    .addOption(new Option('--bandwidth <rate>', 'of all streams together, such as 50MiB/s').argParser(rate))
    .option('--workers', 'give the tasks to workers on other machines: see `replicate worker`')
    .option('--fail-fast', 'stop at the first task that fails')
    .addOption(new Option('--max-failures <n>', 'stop once this many tasks failed').argParser(positiveInteger))
    .option('--wait', 'wait while the policy is running elsewhere, instead of ending with status 5')
    .addOption(new Option('--timeout <duration>', 'stop after this time, such as 2h').argParser(duration))
    .addOption(
      new Option('--report <file>', 'write a report: .html, .json, or .xml (JUnit)').argParser(
        fileEnding(['.html', '.json', '.xml']),
      ),
    )
    .option('--summary <file>', 'write a summary in Markdown')
}
