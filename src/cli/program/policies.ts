/** `replicate policies`, `replicate schedule`, and their options. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { EVENT_KINDS, isEventKind } from '../../core/policy.ts'
import type { PolicyFlags } from '../commands/policies/fields.ts'
import type { ValidateFlags } from '../commands/policies/policies.ts'
import type { PastFlags } from '../commands/schedule/past.ts'
import type { ExportFlags, NextFlags } from '../commands/schedule/schedule.ts'
import type { YesFlag } from '../prompt/prompt.ts'
import { collect, duration, filterSetting, positiveInteger, regexSetting, shards } from '../values.ts'
import { example, type Start } from './command.ts'

export function addPolicies(program: Command, start: Start): void {
  const group = program.command('policies').helpCommand(false).description('the policies of the configuration')
  example(group, 'replicate policies list', 'replicate policies create')
  const load = () => import('../commands/policies/policies.ts')
  const change = () => import('../commands/policies/change.ts')
  const list = group
    .command('list')
    .description('every policy with its last execution and its next run')
    .action(() => start(list)(async (session) => (await load()).list(session)))
  example(list, 'replicate policies list')
  const show = group
    .command('show')
    .description('one policy with every default filled in')
    .argument('<name>')
    .action((name: string) => start(show)(async (session) => (await load()).show(session, name)))
  example(show, 'replicate policies show base-images')
  const create = group
    .command('create')
    .description('write a policy; asks on a terminal where NAME, --source or --destination is missing')
    .argument('[name]')
    .option('--disabled', 'no trigger starts it, and `run` refuses it by name')
    .option('--yes', 'ask nothing on a terminal')
    .action(
      (name: string | undefined, { disabled, ...flags }: PolicyFlags & YesFlag & { readonly disabled?: boolean }) =>
        start(create)(async (session) =>
          (await import('../commands/policies/create.ts')).create(
            session,
            name,
            disabled ? { ...flags, enabled: false } : flags,
          ),
        ),
    )
  addPolicyOptions(create)
  example(
    create,
    'replicate policies create',
    "replicate policies create alpine --source 'hub/library/alpine:3.*' --destination harbor/mirror --schedule '0 2 * * *'",
  )
  const update = group
    .command('update')
    .description(
      'change what the options say; an empty value takes a setting away; without an option asks on a terminal',
    )
    .argument('<name>')
    .option('--yes', 'ask nothing on a terminal')
    .action((name: string, flags: PolicyFlags & YesFlag) =>
      start(update)(async (session) => (await change()).update(session, name, flags)),
    )
  addPolicyOptions(update)
  example(
    update,
    "replicate policies update base-images --tag '3.*' --tag latest",
    'replicate policies update base-images',
    "replicate policies update base-images --newest ''",
  )
  for (const [verb, about, enabled] of [
    ['enable', 'let triggers start it', true],
    ['disable', 'let nothing start it; its line in the file is all that changes', false],
  ] as const) {
    const command = group
      .command(verb)
      .description(about)
      .argument('<name>')
      .action((name: string) => start(command)(async (session) => (await change()).enable(session, name, enabled)))
    example(command, `replicate policies ${verb} base-images`)
  }
  const remove = group
    .command('delete')
    .description('take a policy out of the configuration; asks on a terminal; refused while it runs')
    .argument('<name>')
    .option('--yes', 'delete without asking')
    .action((name: string, flags: YesFlag) =>
      start(remove)(async (session) => (await change()).remove(session, name, flags)),
    )
  example(remove, 'replicate policies delete base-images')
  const validate = group
    .command('validate')
    .description('check files, without contacting anything unless told to')
    .argument('[file...]', "YAML files (- for standard input); the user's configuration if none is named")
    .option('--online', 'also ask each registry, and count what each policy matches at its source')
    .action((files: string[], flags: ValidateFlags) =>
      start(validate)(async (session) => (await load()).validate(session, files, flags)),
    )
  example(validate, 'replicate policies validate policy.yaml', 'replicate policies validate --online')
}

/** Every option with free text accepts '' to remove the setting, `KEY=` if it has a key. */
function addPolicyOptions(command: Command): void {
  const many = (flags: string, description: string): Option =>
    new Option(flags, `${description}; may be repeated`).argParser(collect)
  command
    .option(
      '--source <reference>',
      'REGISTRY[/PATH[:TAG][@DIGEST]], oci:DIR, tar:FILE or docker-archive:FILE; patterns in quotes',
    )
    .addOption(many('--namespace <pattern>', 'of the source, instead of a path'))
    .addOption(many('--destination <reference>', 'REGISTRY[/NAMESPACE], oci:DIR or tar:FILE'))
    .addOption(
      new Option('--flatten <parts>', 'how many leading path parts the namespace replaces (default: 1)').choices([
        '0',
        '1',
        '2',
        '3',
        'all',
      ]),
    )
    .addOption(
      new Option('--filter <key=pattern>', 'by name, tag, resource or label; may be repeated').argParser(filterSetting),
    )
    .addOption(many('--name <pattern>', 'of whole repository paths'))
    .addOption(many('--tag <pattern>', 'of tags'))
    .addOption(many('--label <pattern>', 'of labels, where the registry has them'))
    .addOption(new Option('--resource <type>', 'what to copy (default: all)').choices(['image', 'chart', 'all']))
    .option('--semver <range>', 'tags that are versions in this range')
    .addOption(
      new Option('--newest <n>', 'of each repository, after the other filters').argParser(orEmpty(positiveInteger)),
    )
    .addOption(new Option('--pushed-within <duration>', 'only what is younger').argParser(orEmpty(duration)))
    .addOption(new Option('--min-age <duration>', 'only what is older').argParser(orEmpty(duration)))
    .option('--untagged', 'also artifacts without a tag')
    .option('--no-untagged', 'only what has a tag')
    .addOption(many('--platform <os/arch>', 'of images'))
    .option('--attestations', 'those in an index travel with it (default)')
    .option('--no-attestations', 'leave them out of the index, which gives it another digest')
    .addOption(new Option('--exclude <key=pattern>', 'by name, tag or label; may be repeated').argParser(filterSetting))
    .addOption(
      new Option('--regex <key=expression>', 'by name or tag, in RE2; may be repeated').argParser(regexSetting),
    )
    .addOption(
      new Option('--exclude-regex <key=expression>', 'by name or tag, in RE2; may be repeated').argParser(regexSetting),
    )
    .addOption(
      many('--schedule <cron>', 'five fields, or six with seconds first, or @hourly, @daily, @weekly, @monthly'),
    )
    .option('--timezone <zone>', 'of the schedule, such as Europe/Berlin')
    .addOption(
      new Option(
        '--event <kinds>',
        'what webhooks tell `replicate serve`: push, delete, scan, label; with commas',
      ).argParser(eventKinds),
    )
    .addOption(
      new Option('--poll <duration>', 'how often `replicate serve` looks for changes, such as 5m').argParser(
        orEmpty(duration),
      ),
    )
    .option('--override', 'replace a destination tag that differs (default)')
    .option('--no-override', 'keep a destination tag that differs')
    .addOption(
      new Option(
        '--referrers [which]',
        'signatures, attestations and SBOMs travel with their image (default); all: also those that come later',
      ).choices(['all']),
    )
    .option('--no-referrers', 'leave them behind')
    .addOption(
      new Option(
        '--missing <what>',
        'what a name or tag without wildcards that the source lacks is (default: fail)',
      ).choices(['fail', 'warn']),
    )
    .addOption(
      new Option('--deletion <which>', 'of what is gone from the source (default: never)').choices([
        'never',
        'events',
        'owned',
        'mirror',
      ]),
    )
    .option('--with-images', 'charts bring the images that they name')
    .option('--no-with-images', 'charts come alone (default)')
    .addOption(many('--values <file>', 'what charts are rendered with to find their images'))
    .addOption(
      new Option('--scope <scope>', 'namespace: it alone owns the one that it lists (default: system)').choices([
        'system',
        'namespace',
      ]),
    )
    .option('--description <text>', 'for people')
}

/** `push,delete`; nothing takes the trigger away. */
function eventKinds(text: string): readonly string[] {
  const kinds = text.split(',').filter((kind) => kind !== '')
  const unknown = kinds.find((kind) => !isEventKind(kind))
  if (unknown === undefined) return kinds
  throw new InvalidArgumentError(`It must be of ${EVENT_KINDS.join(', ')}.`)
}

/** Checked, and kept as it was written. */
function orEmpty(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    if (text !== '') parse(text)
    return text
  }
}

export function addSchedule(program: Command, start: Start): void {
  const group = program
    .command('schedule')
    .helpCommand(false)
    .description('when policies come next, what makes them run then, and what became of the times before')
  example(group, 'replicate schedule next')
  const load = () => import('../commands/schedule/schedule.ts')
  const targets = [
    '[file-or-policy...]',
    "YAML files, or policies of the user's configuration; all if none is named",
  ] as const
  const next = group
    .command('next')
    .description('the coming times, of all policies together')
    .argument(...targets)
    .addOption(new Option('--count <n>', 'how many').argParser(positiveInteger).default(10))
    .action((names: string[], flags: NextFlags) =>
      start(next)(async (session) => (await load()).next(session, names, flags)),
    )
  example(next, 'replicate schedule next', 'replicate schedule next base-images --count 3')
  const before = group
    .command('past')
    .description('what became of the times that came while `replicate serve` ran, or did not run')
    .argument('[policy...]', 'all if none is named')
    .addOption(new Option('--count <n>', 'how many of the newest').argParser(positiveInteger).default(20))
    .action((names: string[], flags: PastFlags) =>
      start(before)(async (session) => (await import('../commands/schedule/past.ts')).past(session, names, flags)),
    )
  example(before, 'replicate schedule past', 'replicate schedule past base-images --count 5')
  const exporting = group
    .command('export')
    .description('print what runs the policies at their times; nothing is installed')
    .argument(...targets)
    .addOption(
      new Option('--format <format>', 'what for').choices(['crontab', 'systemd', 'kubernetes']).makeOptionMandatory(),
    )
    .addOption(
      new Option('--shards <n>', 'of kubernetes: an Indexed Job whose pods each run one of N parts').argParser(shards),
    )
    .action((names: string[], flags: ExportFlags) =>
      start(exporting)(async (session) => (await load()).exportSchedules(session, names, flags)),
    )
  example(
    exporting,
    'replicate schedule export --format crontab',
    'replicate schedule export --format kubernetes base-images | kubectl apply -f -',
    'replicate schedule export --format kubernetes --shards 4',
  )
}
