/** Questions for what of a source a policy takes: the registry, its namespaces and repositories, tags and versions. */

import { spelledDuration } from '../../../core/duration.ts'
import { type Asker, type Choice, select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import {
  type Answers,
  changed,
  hasPath,
  listFlag,
  listOf,
  NONE,
  sourceOf,
  type Table,
  wordsOf,
  wrongWith,
} from './answers.ts'
import { type Listed, namespacesAt, repositoriesAt, unknownAmong } from './lists.ts'
import { askReference } from './registry.ts'

/** What a look at the source depends on. */
export const FILTERS = ['source', 'namespace', 'name', 'tag', 'semver', 'newest'] as const

export function sourceTopics(table: Table): readonly Topic<Answers>[] {
  const isListed = (answers: Answers): boolean => !hasPath(table, answers)
  return [
    {
      key: 'source',
      label: 'Source',
      shown: (answers) => sourceOf(table, answers),
      async ask(asker, answers) {
        const source = await askReference(asker, table, {
          message: 'Source registry:',
          option: '--source',
          check: (answer) => wrongWith(table, answers, { source: answer }),
          likely: sourceOf(table, answers) || undefined,
        })
        if (source === sourceOf(table, answers)) return answers
        const moved = changed(answers, { source })
        if (hasPath(table, moved)) return moved
        // They may stand in the reference that goes.
        const kept = (['name', 'tag'] as const).map((key) => [key, listOf(table, answers, key)] as const)
        return changed(moved, Object.fromEntries(kept.filter(([, words]) => words.length > 0)))
      },
    },
    namesTopic(table, 'namespace', 'Namespaces', {
      applies: isListed,
      message: 'Namespaces there (such as library), with spaces between',
      listed: (answers) => namespacesAt(table, answers, sourceOf(table, answers)),
    }),
    namesTopic(table, 'name', 'Repositories', {
      applies: isListed,
      message: 'Repositories (such as library/{alpine,redis} or library/*)',
      listed: (answers) =>
        repositoriesAt(table, answers, sourceOf(table, answers), listOf(table, answers, 'namespace')),
    }),
    {
      key: 'tag',
      label: 'Tags',
      applies: (answers) => isListed(answers) || !/:[^/]*$/.test(sourceOf(table, answers)),
      quiet: (answers) => !isListed(answers),
      shown: (answers) => listOf(table, answers, 'tag').join(' ') || 'all',
      async ask(asker, answers) {
        const now = listOf(table, answers, 'tag')
        const words = await askWords(asker, table, answers, {
          key: 'tag',
          message: 'Tags (such as 3.* or latest)',
          now,
        })
        return changed(answers, listFlag(table, 'tag', words))
      },
    },
    valueTopic(table, 'semver', 'Versions', 'Only versions in a range (such as >=3.18 <4)', 'any', isListed),
    valueTopic(table, 'newest', 'Newest', 'Only the newest of each repository (a number)', 'all', isListed),
  ]
}

interface NamesTopic {
  readonly applies: (answers: Answers) => boolean
  readonly message: string
  readonly listed: (answers: Answers) => Promise<Listed | undefined>
}

/** More would not be read. */
const MOST_CHOICES = 200
const ALL = Symbol('all')
const TYPED = Symbol('typed')

function namesTopic(table: Table, key: 'namespace' | 'name', label: string, names: NamesTopic): Topic<Answers> {
  const what = key === 'name' ? 'repository' : 'namespace'
  return {
    key,
    label,
    after: key === 'name' ? ['source', 'namespace'] : ['source'],
    applies: names.applies,
    shown: (answers) => listOf(table, answers, key).join(' ') || 'all',
    async ask(asker, answers) {
      const listed = await names.listed(answers)
      const now = listOf(table, answers, key)
      if (listed?.flat && now.length === 0) return answers
      const offered = listed && listed.names.length > 0 && listed.names.length <= MOST_CHOICES ? listed.names : []
      const chosen = offered.length === 0 ? TYPED : await choose(asker, `${label}:`, `--${key}`, offered, now)
      if (chosen === ALL) return changed(answers, listFlag(table, key, []))
      if (typeof chosen === 'string') return changed(answers, listFlag(table, key, [chosen]))
      const words = await askWords(asker, table, answers, {
        key,
        message: names.message,
        now,
        check: (given) => unknownAmong(listed, given, what),
      })
      return changed(answers, listFlag(table, key, words))
    },
  }
}

async function choose(
  asker: Asker,
  message: string,
  option: string,
  names: readonly string[],
  now: readonly string[],
): Promise<string | symbol> {
  const [only] = now
  const isOffered = now.length === 1 && only !== undefined && names.includes(only)
  const choices: readonly Choice<string | symbol>[] = [
    { value: ALL, name: 'all' },
    ...names.map((name) => ({ value: name, name })),
    { value: TYPED, name: 'several, or a pattern' },
  ]
  return select(asker, { message, option, choices, fallback: now.length === 0 ? ALL : isOffered ? only : TYPED })
}

interface WordsQuestion {
  readonly key: 'namespace' | 'name' | 'tag'
  readonly message: string
  readonly now: readonly string[]
  readonly check?: (words: readonly string[]) => string | undefined
}

async function askWords(
  asker: Asker,
  table: Table,
  answers: Answers,
  { key, message, now, check }: WordsQuestion,
): Promise<readonly string[]> {
  const answer = await text(asker, {
    message: `${message}, ${now.length === 0 ? 'empty' : NONE} for all:`,
    option: `--${key}`,
    fallback: now.join(' '),
    check: async (written) => {
      const words = wordsOf(written)
      return (await wrongWith(table, answers, listFlag(table, key, words))) ?? check?.(words)
    },
  })
  return wordsOf(answer)
}

/** A setting of one word, which is not there where most want it to be. */
export function valueTopic(
  table: Table,
  key: 'semver' | 'newest' | 'pushedWithin' | 'minAge',
  label: string,
  message: string,
  none: string,
  isAsked: (answers: Answers) => boolean,
): Topic<Answers> {
  const now = ({ flags }: Answers): string => flags[key] ?? inFile(table, key)
  return {
    key,
    label,
    quiet: (answers) => !isAsked(answers),
    shown: (answers) => now(answers) || (isAsked(answers) ? none : undefined),
    async ask(asker, answers) {
      const flagOf = (word: string) => ({
        [key]: word === NONE || word === '' ? (inFile(table, key) ? '' : undefined) : word,
      })
      const answer = await text(asker, {
        message: `${message}, ${now(answers) === '' ? 'empty' : NONE} for ${none}:`,
        option: `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        fallback: now(answers),
        check: (word) => wrongWith(table, answers, flagOf(word)),
      })
      return changed(answers, flagOf(answer))
    },
  }
}

function inFile({ before }: Table, key: 'semver' | 'newest' | 'pushedWithin' | 'minAge'): string {
  const filters = before?.filters
  switch (key) {
    case 'semver':
      return filters?.semver ?? ''
    case 'newest':
      return filters?.newest === undefined ? '' : String(filters.newest)
    case 'pushedWithin':
      return filters?.pushed_within === undefined ? '' : spelledDuration(filters.pushed_within)
    case 'minAge':
      return filters?.min_age === undefined ? '' : spelledDuration(filters.min_age)
  }
}
