/** Questions for a policy's source: the registry, what of it, and a look at what that is. */

import { isLayoutPlace } from '../../../config/hosts.ts'
import type { Configuration } from '../../../config/load.ts'
import { CancelledError, describeError, ReplicateError } from '../../../core/errors.ts'
import { complaint, type PolicyDraft, previewDraft } from '../../commands/policies/draft.ts'
import { type PolicyFlags, referenceIn } from '../../commands/policies/fields.ts'
import { countsOf, type Preview } from '../../commands/policies/preview.ts'
import { select, text } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import type { Session } from '../../session.ts'

const ANOTHER = ''

/** One of the configuration, or any other; `likely` is the one that Enter takes. */
export async function askRegistry(
  { session, file }: PolicyDraft,
  { registries }: Configuration,
  message: string,
  option: string,
  check: (answer: string) => Promise<string | undefined>,
  likely?: string,
): Promise<string> {
  const choices = [...registries.values()].map(({ name, url, path, description }) => ({
    value: name,
    name: `${name}  ${url ?? path ?? ''}`,
    description,
  }))
  const other = {
    value: ANOTHER,
    name: 'another: a host such as docker.io, oci:DIR or tar:FILE',
    description: undefined,
  }
  const question = {
    message,
    option,
    choices: [...choices, other],
    ...(likely === undefined ? {} : { fallback: likely }),
  }
  const chosen = choices.length === 0 ? ANOTHER : await select(session, question)
  if (chosen !== ANOTHER) return chosen
  const hint = 'a host such as docker.io, oci:DIR or tar:FILE'
  const answer = await text(session, { message: `${message.replace(/:$/, '')} (${hint}):`, option, check })
  return referenceIn(file, answer, session.cwd)
}

export async function askSource(
  draft: PolicyDraft,
  configuration: Configuration,
  flags: PolicyFlags,
): Promise<PolicyFlags> {
  if (flags.source !== undefined) return flags
  const source = await askRegistry(draft, configuration, 'Source registry:', '--source', (answer) =>
    answer === '' ? Promise.resolve('write a host') : complaint(draft, { ...flags, source: answer }),
  )
  const named = { ...flags, source }
  if (flags.namespace !== undefined || hasPath(named)) return named
  const answer = await text(draft.session, {
    message: 'Namespaces there (such as library), with spaces between, empty for all:',
    option: '--namespace',
    fallback: '',
    check: (words) => complaint(draft, withList(named, 'namespace', words)),
  })
  return withList(named, 'namespace', answer)
}

type Choice = 'accept' | 'change' | 'again'

/** Repositories that are listed below the counts. */
const SHOWN = 8
/** How long a look may take, in milliseconds. */
const PATIENCE = 10_000

/** Asks, shows what that matches, and asks again until it is what was meant. `example` is a repository that matches. */
export async function askFilters(
  draft: PolicyDraft,
  given: PolicyFlags,
): Promise<{ readonly flags: PolicyFlags; readonly example: string | undefined }> {
  const { session } = draft
  const isGiven = [given.name, given.tag, given.filter, given.semver, given.newest].some((value) => value !== undefined)
  let flags = isGiven || hasPath(given) ? given : await askPatterns(draft, given)
  let within: number | undefined = PATIENCE
  for (;;) {
    const seen = await look(draft, flags, within)
    const choice = await select<Choice>(session, {
      message: 'Are these the ones?',
      option: '--filter',
      choices: [
        { value: 'accept', name: 'continue with them' },
        { value: 'change', name: 'change the filters' },
        ...(seen?.complete ? [] : [{ value: 'again', name: 'look again, as long as it takes' } as const]),
      ],
    })
    if (choice === 'accept') return { flags, example: seen?.first[0]?.repository }
    if (choice === 'change') flags = await askPatterns(draft, flags)
    within = choice === 'again' ? undefined : PATIENCE
  }
}

async function askPatterns(draft: PolicyDraft, before: PolicyFlags): Promise<PolicyFlags> {
  let flags = before
  if (!hasPath(before)) {
    flags = await askPattern(draft, flags, 'name', 'Repositories (such as library/{alpine,redis} or library/*)', 'all')
  }
  flags = await askPattern(draft, flags, 'tag', 'Tags (such as 3.* or latest)', 'all')
  flags = await askValue(draft, flags, 'semver', 'Only versions in a range (such as >=3.18 <4)', 'any')
  return askValue(draft, flags, 'newest', 'Only the newest of each repository (a number)', 'all')
}

/** True where the reference says of itself which repositories it means. */
function hasPath({ source = '' }: PolicyFlags): boolean {
  return !isLayoutPlace(source) && source.includes('/')
}

/** What stands for "none" where an empty answer means "as before". */
const NONE = '-'

async function askPattern(
  draft: PolicyDraft,
  flags: PolicyFlags,
  key: 'name' | 'tag',
  message: string,
  empty: string,
): Promise<PolicyFlags> {
  const before = flags[key]?.join(' ')
  const answer = await text(draft.session, {
    message: `${message}, ${before === undefined ? 'empty' : NONE} for ${empty}:`,
    option: `--${key}`,
    fallback: before ?? '',
    check: (words) => complaint(draft, withList(flags, key, words)),
  })
  return withList(flags, key, answer)
}

async function askValue(
  draft: PolicyDraft,
  flags: PolicyFlags,
  key: 'semver' | 'newest',
  message: string,
  empty: string,
): Promise<PolicyFlags> {
  const before = flags[key]
  const answer = await text(draft.session, {
    message: `${message}, ${before === undefined ? 'empty' : NONE} for ${empty}:`,
    option: `--${key}`,
    fallback: before ?? '',
    check: (word) => complaint(draft, withValue(flags, key, word)),
  })
  return withValue(flags, key, answer)
}

function withList(flags: PolicyFlags, key: 'namespace' | 'name' | 'tag', words: string): PolicyFlags {
  const { [key]: _, ...rest } = flags
  const list = words.split(/\s+/).filter((word) => word !== '' && word !== NONE)
  return list.length === 0 ? rest : { ...rest, [key]: list }
}

function withValue(flags: PolicyFlags, key: 'semver' | 'newest', word: string): PolicyFlags {
  const { [key]: _, ...rest } = flags
  return word === '' || word === NONE ? rest : { ...rest, [key]: word }
}

/** Says what it saw, or why it could not; undefined then. */
async function look(draft: PolicyDraft, flags: PolicyFlags, within: number | undefined): Promise<Preview | undefined> {
  const { stderr, errorColors: colors } = draft.session
  try {
    const seen = await previewDraft(draft, flags, { keep: SHOWN, ...(within === undefined ? {} : { within }) })
    stderr.write(previewText(seen, draft.session))
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
    return colors.dim(line.slice(0, stderr.columns))
  })
  const others = seen.repositories - seen.first.length
  if (others > 0) lines.push(colors.dim(`    and ${others} more`))
  return [head, ...lines].map((line) => `${line}\n`).join('')
}
