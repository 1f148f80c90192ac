/** A look at what the filters match, which may be changed until it is what was meant; where it is nothing, the reason. */

import { CancelledError, describeError, ReplicateError } from '../../../core/errors.ts'
import { previewDraft } from '../../commands/policies/draft.ts'
import type { PolicyFlags } from '../../commands/policies/fields.ts'
import { countsOf, type Preview } from '../../commands/policies/preview.ts'
import { type Choice, select } from '../../prompt/prompt.ts'
import { printable, truncate, wrapped } from '../../render/format.ts'
import type { Session } from '../../session.ts'
import { Elsewhere, type Topic } from '../dialog.ts'
import { type Answers, draftOf, hasPath, listOf, sourceOf, type Table } from './answers.ts'
import { repositoriesAt, some, suggestion } from './lists.ts'
import { FILTERS } from './source.ts'

/** Repositories that are listed below the counts. */
const SHOWN = 8
/** How long a look may take, in milliseconds. */
const PATIENCE = 10_000

const ACCEPT = Symbol('accept')
const AGAIN = Symbol('again')

/** `topics` are those whose answers it shows. */
export function lookTopic(table: Table, topics: readonly Topic<Answers>[]): Topic<Answers> {
  return {
    key: 'look',
    label: 'They match',
    after: FILTERS,
    shown: ({ counts }) => counts,
    async ask(asker, answers) {
      let within: number | undefined = PATIENCE
      for (;;) {
        const seen = await look(table, answers, within)
        const isEmpty = seen !== undefined && seen.tags + seen.untagged === 0
        const reason = isEmpty && seen.complete ? await whyNothing(table, answers, seen) : undefined
        if (reason) table.session.stderr.write(wrapped(reason.text, table.session.stderr.columns, '    '))
        const filters = topics.filter(
          ({ key, applies }) => FILTERS.some((one) => one === key) && (applies?.(answers) ?? true),
        )
        const choices: readonly Choice<string | symbol>[] = [
          { value: ACCEPT, name: 'continue with them' },
          ...filters.map(({ key, label, shown }) => ({
            value: key,
            name: truncate(
              `change the ${label.toLowerCase()}: ${printable(shown(answers) ?? '')}`,
              asker.stderr.columns - 3,
            ),
          })),
          ...(seen?.complete ? [] : [{ value: AGAIN, name: 'look again, as long as it takes' }]),
        ]
        const question = {
          message: 'Are these the ones?',
          option: '--filter',
          choices,
          fallback: reason?.likely ?? ACCEPT,
        }
        const choice = await select<string | symbol>(asker, question)
        if (choice === ACCEPT) {
          return { ...answers, example: seen?.first[0]?.repository, counts: seen ? countsOf(seen) : 'not seen' }
        }
        if (choice !== AGAIN) throw new Elsewhere(String(choice))
        within = undefined
      }
    },
  }
}

/** Says what it saw, or why it could not; undefined then. */
async function look(table: Table, answers: Answers, within: number | undefined): Promise<Preview | undefined> {
  const { stderr, errorColors: colors } = table.session
  try {
    const options = { keep: SHOWN, ...(within === undefined ? {} : { within }) }
    const seen = await previewDraft(draftOf(table, answers), answers.flags, options)
    stderr.write(previewText(seen, table.session))
    return seen
  } catch (error) {
    if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
    stderr.write(`  ${colors.red('✗')} ${printable(describeError(error))}\n`)
    if (error.hint) stderr.write(`    ${printable(error.hint)}\n`)
    return undefined
  }
}

/** Tags that are named of each repository. */
const NAMED_TAGS = 5

function previewText(seen: Preview, { errorColors: colors, stderr }: Session): string {
  const isEmpty = seen.tags + seen.untagged === 0
  const head = `  ${isEmpty ? colors.yellow('!') : colors.green('✓')} they match ${countsOf(seen)}`
  const widest = Math.max(0, ...seen.first.map(({ repository }) => repository.length))
  const lines = seen.first.map(({ repository, tags }) => {
    const more = tags.length > NAMED_TAGS ? ` and ${tags.length - NAMED_TAGS} more` : ''
    const line = `    ${printable(repository).padEnd(widest)}  ${tags.slice(0, NAMED_TAGS).map(printable).join(', ')}${more}`
    return colors.dim(truncate(line, stderr.columns))
  })
  const others = seen.repositories - seen.first.length
  if (others > 0) lines.push(colors.dim(`    and ${others} more`))
  return [head, ...lines].map((line) => `${line}\n`).join('')
}

interface Reason {
  readonly text: string
  /** The filter that is probably wrong. */
  readonly likely: string
}

/** Why nothing matches: tags that are not there, or names, or namespaces. Nothing is asked of a repository that the filters do not name. */
async function whyNothing(table: Table, answers: Answers, seen: Preview): Promise<Reason> {
  const flags = { ...answers.flags }
  const isAsked = { tag: listOf(table, answers, 'tag'), semver: flags.semver ?? table.before?.filters.semver }
  const likelyTag =
    isAsked.tag.length > 0 ? 'tag' : isAsked.semver ? 'semver' : hasPath(table, answers) ? 'source' : 'tag'
  if (seen.seen > 0) {
    const wanted = [...isAsked.tag, ...(isAsked.semver ? [isAsked.semver] : [])].join(' ')
    const there = await tagsThere(table, answers)
    const has = there ? `; ${printable(there.repository)} has ${some(there.tags.map(printable))}` : ''
    return { text: `no tag matches ${wanted || 'the filters'}${has}`, likely: likelyTag }
  }
  if (hasPath(table, answers)) {
    return {
      text: `nothing is there, or nothing that this credential sees: ${sourceOf(table, answers)}`,
      likely: 'source',
    }
  }
  const registry = sourceOf(table, answers)
  const [namespaces, names] = [listOf(table, answers, 'namespace'), listOf(table, answers, 'name')]
  const inside = await repositoriesAt(table, answers, registry, namespaces)
  if (inside && inside.names.length > 0) {
    const [word = ''] = names
    return { text: `no repository matches ${names.join(' ')}${suggestion(word, inside.names)}`, likely: 'name' }
  }
  const all = namespaces.length > 0 ? await repositoriesAt(table, answers, registry, []) : undefined
  if (all && all.names.length > 0) {
    const text = `${namespaces.join(' ')} has no repository that this credential sees; there are ${some(all.names)}`
    return { text, likely: 'namespace' }
  }
  const likely = names.length > 0 ? 'name' : namespaces.length > 0 ? 'namespace' : 'source'
  return { text: `${registry} has nothing of that, or nothing that this credential sees`, likely }
}

/** Of the first repository that has tags before the filters of tags. */
async function tagsThere(
  table: Table,
  answers: Answers,
): Promise<{ readonly repository: string; readonly tags: readonly string[] } | undefined> {
  const none: PolicyFlags = table.before
    ? { tag: [''], semver: '', newest: '', pushedWithin: '', minAge: '', exclude: { tag: [''] }, regex: { tag: [''] } }
    : {}
  const {
    tag: _,
    semver: __,
    newest: ___,
    pushedWithin: ____,
    minAge: _____,
    exclude: ______,
    regex: _______,
    filter,
    ...flags
  } = answers.flags
  const { tag: ________, ...others } = filter ?? {}
  try {
    const wide = { ...flags, ...(filter ? { filter: others } : {}), ...none, source: withoutTag(table, answers) }
    const { first } = await previewDraft(draftOf(table, answers), wide, { keep: 1, within: PATIENCE })
    return first[0]
  } catch (error) {
    if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
    return undefined
  }
}

function withoutTag(table: Table, answers: Answers): string {
  const source = sourceOf(table, answers)
  return hasPath(table, answers) ? source.replace(/:[^/:]*$/, '') : source
}
