/** Settings of a policy that most leave as they are; asked only from the overview. */

import type { Policy } from '../../../core/policy.ts'
import { select, text } from '../../prompt/prompt.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, changed, listFlag, listOf, NONE, type Table, wordsOf, wrongWith } from './answers.ts'
import { valueTopic } from './source.ts'

export function settingTopics(table: Table): readonly Topic<Answers>[] {
  const never = (): boolean => false
  return [
    descriptionTopic(table),
    ...CHOICES.map((choice) => choiceTopic(table, choice)),
    listTopic(table, 'platform', 'Platforms', 'Platforms (such as linux/amd64)'),
    listTopic(table, 'label', 'Labels', 'Labels, where the registry has them'),
    valueTopic(table, 'pushedWithin', 'Pushed within', 'Only what is younger (such as 90d)', 'any age', never),
    valueTopic(table, 'minAge', 'Minimum age', 'Only what is older (such as 3d)', 'any age', never),
  ]
}

interface ChoiceSetting {
  readonly key:
    | 'resource'
    | 'override'
    | 'deletion'
    | 'referrers'
    | 'missing'
    | 'attestations'
    | 'untagged'
    | 'withImages'
    | 'enabled'
  readonly label: string
  readonly message: string
  /** The first is the usual one. */
  readonly choices: readonly (readonly [string | boolean, string])[]
  readonly now: (policy: Policy) => string | boolean | undefined
}

const CHOICES: readonly ChoiceSetting[] = [
  {
    key: 'enabled',
    label: 'Enabled',
    message: 'May triggers start it?',
    choices: [
      [true, 'yes'],
      [false, 'no, it is disabled'],
    ],
    now: ({ enabled }) => enabled,
  },
  {
    key: 'override',
    label: 'Override',
    message: 'Destination tags that differ:',
    choices: [
      [true, 'are replaced'],
      [false, 'are kept'],
    ],
    now: ({ override }) => override,
  },
  {
    key: 'deletion',
    label: 'Deletion',
    message: 'What is gone from the source:',
    choices: [
      ['never', 'stays at the destination'],
      ['owned', 'is deleted at the destination, too, if this policy has put it there'],
      ['mirror', 'is deleted at the destination, too, at most 10 % of its tags at once'],
    ],
    now: ({ deletion }) => deletion,
  },
  {
    key: 'referrers',
    label: 'Signatures',
    message: 'Signatures, attestations and SBOMs:',
    choices: [
      [true, 'travel with their images'],
      ['all', 'travel with their images, also those that come later'],
      [false, 'are left behind'],
    ],
    now: ({ referrers }) => referrers,
  },
  {
    key: 'missing',
    label: 'Missing',
    message: 'A name or a tag without wildcards that the source lacks:',
    choices: [
      ['fail', 'is a failure'],
      ['warn', 'is a warning'],
    ],
    now: ({ missing }) => missing ?? 'fail',
  },
  {
    key: 'resource',
    label: 'Resources',
    message: 'What to copy:',
    choices: [
      ['all', 'images and charts'],
      ['image', 'images only'],
      ['chart', 'charts only'],
    ],
    now: ({ filters }) => filters.resource,
  },
  {
    key: 'untagged',
    label: 'Untagged',
    message: 'Artifacts without a tag:',
    choices: [
      [false, 'are left out'],
      [true, 'are copied, too, by digest'],
    ],
    now: ({ filters }) => filters.untagged,
  },
  {
    key: 'attestations',
    label: 'Attestations',
    message: 'Attestations in an index:',
    choices: [
      [true, 'travel with it'],
      [false, 'are left out of it, which gives it another digest'],
    ],
    now: ({ filters }) => filters.attestations ?? true,
  },
  {
    key: 'withImages',
    label: 'Images of charts',
    message: 'The images that charts name:',
    choices: [
      [false, 'are left where they are'],
      [true, 'are copied with their charts'],
    ],
    now: ({ with_images }) => with_images ?? false,
  },
]

function choiceTopic({ before }: Table, { key, label, message, choices, now }: ChoiceSetting): Topic<Answers> {
  const usual = choices[0]?.[0]
  const inFile = before ? now(before) : usual
  const nowOf = ({ flags }: Answers): string | boolean | undefined => flags[key] ?? inFile
  return {
    key,
    label,
    quiet: true,
    shown: (answers) => {
      const value = nowOf(answers)
      return value === usual ? undefined : choices.find(([one]) => one === value)?.[1]
    },
    async ask(asker, answers) {
      const value = await select<string | boolean>(asker, {
        message,
        option: `--${key.replace('withImages', 'with-images')}`,
        choices: choices.map(([one, name]) => ({ value: one, name })),
        fallback: nowOf(answers),
      })
      return changed(answers, { [key]: value === inFile ? undefined : value })
    },
  }
}

function descriptionTopic(table: Table): Topic<Answers> {
  const inFile = table.before?.description ?? ''
  const nowOf = ({ flags }: Answers): string => flags.description ?? inFile
  return {
    key: 'description',
    label: 'Description',
    quiet: true,
    shown: (answers) => nowOf(answers) || undefined,
    async ask(asker, answers) {
      const now = nowOf(answers)
      const message = `Description (${now === '' ? 'may be empty' : `${NONE} for none`}):`
      const given = await text(asker, { message, option: '--description', fallback: now })
      const description = given === NONE || given === '' ? (inFile === '' ? undefined : '') : given
      return changed(answers, { description })
    },
  }
}

function listTopic(table: Table, key: 'platform' | 'label', label: string, message: string): Topic<Answers> {
  return {
    key,
    label,
    quiet: true,
    shown: (answers) => listOf(table, answers, key).join(' ') || undefined,
    async ask(asker, answers) {
      const now = listOf(table, answers, key)
      const answer = await text(asker, {
        message: `${message}, with spaces between, ${now.length === 0 ? 'empty' : NONE} for all:`,
        option: `--${key}`,
        fallback: now.join(' '),
        check: (words) => wrongWith(table, answers, listFlag(table, key, wordsOf(words))),
      })
      return changed(answers, listFlag(table, key, wordsOf(answer)))
    },
  }
}
