/** The commands and their options. A command's code is loaded when it runs, so that help costs nothing. */

import { Command, Option } from 'commander'
import metadata from '../../../package.json' with { type: 'json' }
import {
  addFilterOptions,
  addGlobalOptions,
  addNarrowingOptions,
  addRunOptions,
  addSelectionOptions,
  type PlanFlags,
  type RunFlags,
  type VerifyFlags,
} from '../options.ts'
import type { GlobalFlags } from '../session.ts'
import { collect, fileEnding } from '../values.ts'
import { addAudit } from './audit.ts'
import { type Execute, example, type Start } from './command.ts'
import { addCompletion } from './completion.ts'
import { addCredentials, addDoctor } from './credentials.ts'
import { addExecutions } from './executions.ts'
import { addHelp } from './help.ts'
import { addImport } from './import.ts'
import { addMirrors } from './mirrors.ts'
import { narrowHelp } from './narrow.ts'
import { addPolicies, addSchedule } from './policies.ts'
import { addRegistries } from './registries.ts'
import { addServe } from './serve.ts'
import { addWorkers } from './workers.ts'

/** Called by the command that was asked for. */
export type Dispatch = (flags: GlobalFlags, execute: Execute) => Promise<void>

/** The program, ready to parse. Usage errors are thrown as commander's own. */
export function buildProgram(dispatch: Dispatch): Command {
  const program = new Command('replicate')
    .description('rsync for registries: copies container images and Helm charts between registries')
    .version(metadata.version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, ...narrowHelp })
    .exitOverride()
    // The error is printed where all errors are.
    .configureOutput({ outputError: () => undefined })
  addGlobalOptions(program)
  example(
    program,
    'replicate run policy.yaml',
    'replicate copy docker.io/library/alpine:3.20 registry.example.com/mirror/',
  )

  const start =
    (command: Command) =>
    (execute: Execute): Promise<void> =>
      dispatch(command.optsWithGlobals<GlobalFlags>(), execute)
  addReplicationCommands(program, start)
  addLs(program, start)
  addVerify(program, start)
  addExecutions(program, start)
  addPolicies(program, start)
  addSchedule(program, start)
  addAudit(program, start)
  addServe(program, start)
  addWorkers(program, start)
  addMirrors(program, start)
  addRegistries(program, start)
  addCredentials(program, start)
  addDoctor(program, start)
  addAdapters(program, start)
  addConfig(program, start)
  addCompletion(program, start)
  addHelp(program, start)
  return program
}

function addReplicationCommands(program: Command, start: Start): void {
  const run = program
    .command('run')
    .description('run policies once: prepare, transfer, post')
    .argument('[file-or-policy...]', "YAML files (- for standard input), or policies of the user's configuration")
    .action((targets: string[], flags: RunFlags) =>
      start(run)(async (session) => (await import('../commands/run.ts')).run(session, targets, flags)),
    )
  addRunOptions(addSelectionOptions(run))
  run
    .option('--plan <file>', 'apply a plan that `plan --out` wrote; refuse if something has moved since')
    .addOption(
      new Option('--metrics <file>', "write .prom for the textfile collector of Prometheus' node exporter").argParser(
        fileEnding(['.prom']),
      ),
    )
  example(
    run,
    'replicate run policy.yaml --concurrency 16 --bandwidth 50MiB/s',
    'replicate run base-images --filter tag=3.*',
    'replicate run policy.yaml --referrers all',
  )

  const plan = program
    .command('plan')
    .description('show what `run` would do; touch nothing')
    .argument('[file-or-policy...]', "YAML files (- for standard input), or policies of the user's configuration")
    .action((targets: string[], flags: PlanFlags) =>
      start(plan)(async (session) => (await import('../commands/plan.ts')).plan(session, targets, flags)),
    )
  addNarrowingOptions(addSelectionOptions(plan))
  plan
    .option('--explain', 'say of every tag seen which rule kept or dropped it')
    .option('--exit-code', 'end with status 6 where there is something to do')
    .option('--shallow', 'leave out the sizes; no manifest is read')
    .option('--sizes', 'read manifests for their sizes also where the source counts that as pulls')
    .option('--out <file>', 'write the plan for `run --plan`')
  example(plan, 'replicate plan policy.yaml --exit-code')

  const copy = program
    .command('copy')
    .description('replicate references without a policy file')
    .argument('<source>', 'HOST/PATH:TAG, @DIGEST, patterns in quotes, oci:DIR[:REF], tar:FILE or docker-archive:FILE')
    .argument('<destination>', 'the same; a trailing / keeps the name')
    .action((source: string, destination: string, flags: import('../commands/copy.ts').CopyFlags) =>
      start(copy)(async (session) => (await import('../commands/copy.ts')).copy(session, source, destination, flags)),
    )
  addRunOptions(copy)
  copy
    .addOption(new Option('--platform <os/arch>', 'only this platform; may be repeated').argParser(collect))
    .option('--no-referrers', 'leave signatures, attestations and SBOMs behind')
    .option('--override', 'replace a destination tag that differs', true)
    .option('--no-override', 'keep a destination tag that differs')
  example(copy, 'replicate copy docker.io/library/alpine:3.20 registry.example.com/mirror/')
}

function addLs(program: Command, start: Start): void {
  const ls = program
    .command('ls')
    .description('what a registry, a layout or an archive holds')
    .argument(
      '<reference>',
      'HOST, HOST/NAMESPACE/, HOST/REPOSITORY[:TAG], patterns in quotes, oci:DIR[:REF], tar:FILE or docker-archive:FILE',
    )
    .action((reference: string, flags: import('../commands/ls.ts').LsFlags) =>
      start(ls)(async (session) => (await import('../commands/ls.ts')).ls(session, reference, flags)),
    )
  ls.option(
    '-l, --long',
    'also type, platforms, size, referrers and digest: reads every manifest, which some registries count as pulls; always of directories and files, and of one tag',
  )
  example(
    ls,
    'replicate ls registry.example.com/library/',
    'replicate ls docker.io/library/alpine',
    'replicate ls docker.io/library/alpine:3.20',
    'replicate ls tar:images.tar',
  )
}

function addVerify(program: Command, start: Start): void {
  const verify = program
    .command('verify')
    .description('compare both sides of policies, or check one place by itself; report drift with status 1')
    .argument(
      '[file-or-policy...]',
      "YAML files (- for standard input), or policies of the user's configuration; or places: oci:DIR[:REF], tar:FILE, docker-archive:FILE, HOST/PATH:TAG",
    )
    .action((targets: string[], flags: VerifyFlags) =>
      start(verify)(async (session) => (await import('../commands/verify/verify.ts')).verify(session, targets, flags)),
    )
  addFilterOptions(addSelectionOptions(verify))
  verify
    .option(
      '--full',
      'read and hash every blob of the destination, not only ask whether it is there; always in directories and files',
    )
    .option('--workers', 'with --full: workers on other machines read and hash the blobs; see `replicate worker`')
    .option('--repair', 'send again what the destination lacks; an execution of the history, whose end is verified too')
  example(
    verify,
    'replicate verify policy.yaml',
    'replicate verify base-images --filter tag=3.* --repair',
    'replicate verify tar:images.tar',
  )
}

function addAdapters(program: Command, start: Start): void {
  const group = program
    .command('adapters')
    .helpCommand(false)
    .description('the types of registry that this program speaks')
  example(group, 'replicate adapters list', 'replicate adapters show harbor')
  const load = () => import('../commands/adapters.ts')
  const list = group
    .command('list')
    .description('every adapter')
    .action(() => start(list)(async (session) => (await load()).list(session)))
  example(list, 'replicate adapters list')
  const show = group
    .command('show')
    .description('what one adapter can and cannot do')
    .argument('<identity>', 'as `adapters list` names it, or ./file.js or module:NAME')
    .action((identity: string) => start(show)(async (session) => (await load()).show(session, identity)))
  example(show, 'replicate adapters show docker-registry')
}

function addConfig(program: Command, start: Start): void {
  const group = program.command('config').helpCommand(false).description('the configuration file')
  example(group, 'replicate config init', 'replicate config schema')
  const load = () => import('../commands/config.ts')
  const path = group
    .command('path')
    .description('where the configuration and the history are')
    .action(() => start(path)(async (session) => (await load()).path(session)))
  example(path, 'replicate config path')
  const schema = group
    .command('schema')
    .description('the JSON Schema that editors use')
    .action(() => start(schema)(async (session) => (await load()).schema(session)))
  example(schema, 'replicate config schema > replicate.schema.json')
  const show = group
    .command('show')
    .description('the configuration as the program understands it, without secrets')
    .argument('[file...]', "YAML files; the user's configuration if none is named")
    .action((files: string[]) => start(show)(async (session) => (await load()).show(session, files)))
  example(show, 'replicate config show --json')
  const init = group
    .command('init')
    .description('write a commented configuration to start from')
    .argument('[file]', "where to; the user's configuration where it is left out")
    .action((file: string | undefined) => start(init)(async (session) => (await load()).init(session, file)))
  example(init, 'replicate config init policy.yaml')
  addImport(group, start)
}
