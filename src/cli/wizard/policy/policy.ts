/** The questions of `policies create` and `policies update`, in the order of what a policy says. */

import { NAME } from '../../../config/schema.ts'
import { ConfigurationError, describeError } from '../../../core/errors.ts'
import { drafted } from '../../commands/policies/draft.ts'
import type { PolicyFlags } from '../../commands/policies/fields.ts'
import { text } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { dialog, type Topic, type Verdict } from '../dialog.ts'
import { type Answers, draftOf, hasPath, type Table } from './answers.ts'
import { destinationTopics } from './destination.ts'
import { lookTopic } from './look.ts'
import { settingTopics } from './settings.ts'
import { sourceTopics } from './source.ts'
import { triggerTopics } from './triggers.ts'

export interface Asked {
  readonly name: string
  readonly flags: PolicyFlags
}

/** Asks for everything that no option gave. Undefined if the user leaves; then nothing was written. */
export async function askPolicy(
  table: Table,
  { name, flags }: { readonly name: string | undefined; readonly flags: PolicyFlags },
): Promise<Asked | undefined> {
  const answers: Answers = { name: name ?? '', flags, example: undefined, counts: undefined }
  const { source, destination, schedule, timezone, flatten } = flags
  const isFiltered = [flags.name, flags.tag, flags.filter, flags.semver, flags.newest].some(
    (value) => value !== undefined,
  )
  const isNamed = source !== undefined && hasPath(table, answers)
  return talk(table, answers, [
    ...(name === undefined ? [] : ['name-of-policy']),
    ...(source === undefined ? [] : ['source']),
    ...(flags.namespace === undefined && !isNamed ? [] : ['namespace']),
    ...(isFiltered || isNamed ? ['name', 'tag', 'semver', 'newest'] : []),
    ...(destination === undefined ? [] : ['destination', 'landing', 'flatten']),
    ...(flatten === undefined ? [] : ['flatten']),
    ...(schedule === undefined ? [] : ['schedule']),
    ...(timezone === undefined && schedule === undefined ? [] : ['timezone']),
  ])
}

/** The changes that the user wants; undefined if the user wants none. */
export async function askChanges(table: Table, name: string): Promise<Asked | undefined> {
  const answers: Answers = { name, flags: {}, example: undefined, counts: undefined }
  const all = ['source', 'namespace', 'name', 'tag', 'semver', 'newest', 'look', 'destination', 'landing', 'flatten']
  const asked = await talk(table, answers, [...all, 'schedule', 'timezone'])
  return asked && Object.values(asked.flags).some((value) => value !== undefined) ? asked : undefined
}

async function talk(table: Table, answers: Answers, answered: readonly string[]): Promise<Asked | undefined> {
  const source = sourceTopics(table)
  const topics: readonly Topic<Answers>[] = [
    ...(table.before ? [] : [nameTopic(table)]),
    ...source,
    lookTopic(table, source),
    ...destinationTopics(table),
    ...triggerTopics(table),
    ...settingTopics(table),
  ]
  const review = (now: Answers): Promise<Verdict> => shownDraft(table, now)
  const saved = await dialog(table.session, { topics, answers, answered, file: table.file, review, direct: false })
  return saved && { name: saved.name, flags: saved.flags }
}

function nameTopic({ configuration }: Table): Topic<Answers> {
  const taken = new Set(configuration.policies.map((policy) => policy.name))
  return {
    key: 'name-of-policy',
    label: 'Name',
    shown: ({ name }) => name,
    async ask(asker, answers) {
      const name = await text(asker, {
        message: 'Name of the policy:',
        option: 'NAME',
        fallback: answers.name || undefined,
        check: (answer) => {
          if (!NAME.test(answer)) return 'letters, digits, `.`, `_` and `-`, such as base-images'
          return taken.has(answer) ? `there is a policy ${answer} already` : undefined
        },
      })
      return { ...answers, name }
    },
  }
}

/** The lines of the file that would be new, and those that would go. */
async function shownDraft(table: Table, answers: Answers): Promise<Verdict> {
  const { session } = table
  const { errorColors: colors, stderr } = session
  try {
    const { before, after } = await drafted(draftOf(table, answers), answers.flags)
    const { gone, come } = difference(before.split('\n'), after.split('\n'))
    const lines = [
      ...gone.map((line) => colors.red(`- ${printable(line)}`)),
      ...come.map((line) => `+ ${printable(line)}`),
    ]
    if (lines.length > 0) stderr.write(`\n${lines.map((line) => `  ${line}\n`).join('')}\n`)
    return { ok: true }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    stderr.write(`  ${colors.red('✗')} ${printable(describeError(error))}\n`)
    if (error.hint) stderr.write(`    ${printable(error.hint)}\n`)
    return { ok: false, likely: 'source' }
  }
}

/** The middle, in which two texts differ, without its empty lines. */
function difference(before: readonly string[], after: readonly string[]) {
  let first = 0
  while (first < before.length && before[first] === after[first]) first += 1
  let [old, now] = [before.length, after.length]
  while (old > first && now > first && before[old - 1] === after[now - 1]) [old, now] = [old - 1, now - 1]
  const filled = (line: string): boolean => line.trim() !== ''
  return { gone: before.slice(first, old).filter(filled), come: after.slice(first, now).filter(filled) }
}
