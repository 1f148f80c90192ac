/** Questions for a policy's destination: the registry, and where repositories land there. */

import { isLayoutPlace } from '../../../config/hosts.ts'
import { routesOf } from '../../../core/policy.ts'
import { isRepositoryName } from '../../../core/reference.ts'
import type { Registry } from '../../../core/registry.ts'
import { mapRepository } from '../../../engine/plan/mapping.ts'
import { type Asker, type Choice, select, text } from '../../prompt/prompt.ts'
import { headingOf } from '../../render/summary.ts'
import type { Topic } from '../dialog.ts'
import { type Answers, changed, sourceOf, type Table, wrongWith } from './answers.ts'
import { namespacesAt } from './lists.ts'
import { askReference } from './registry.ts'

export function destinationTopics(table: Table): readonly Topic<Answers>[] {
  const { before, configuration } = table
  const isWritable = ({ type }: Registry): boolean =>
    !configuration.types.find(({ identity }) => identity === type)?.isReadOnly
  const writable = [...configuration.registries.values()].filter(isWritable).map(({ name }) => name)
  const registryOf = (answers: Answers): string =>
    answers.flags.destination?.[0]?.split('/')[0] ?? before?.destination.registry ?? ''
  const namespaceOf = ({ flags }: Answers): string => {
    const given = flags.destination?.[0]
    return given === undefined
      ? (before?.destination.namespace ?? '')
      : given.slice(given.indexOf('/') + 1 || given.length)
  }
  const isLayout = ({ flags }: Answers): boolean =>
    isLayoutPlace(flags.destination?.[0] ?? before?.destination.registry ?? '')
  const isOne = ({ flags }: Answers): boolean => (flags.destination ?? (before ? routesOf(before) : [''])).length <= 1
  return [
    {
      key: 'destination',
      label: 'Destination',
      shown: ({ flags }) => flags.destination?.join(', ') ?? (before ? headingOf(before).destination : ''),
      async ask(asker, answers) {
        const source = sourceOf(table, answers).split('/')[0]
        const chosen = await askReference(asker, table, {
          message: 'Destination registry:',
          option: '--destination',
          check: (answer) => wrongWith(table, answers, { destination: [answer] }),
          offers: isWritable,
          likely: registryOf(answers) || writable.find((name) => name !== source),
        })
        return chosen === registryOf(answers)
          ? answers
          : changed(answers, { destination: [chosen], flatten: undefined })
      },
    },
    {
      key: 'landing',
      label: 'Namespace',
      after: ['destination', 'source'],
      applies: (answers) => isOne(answers) && !isLayout(answers),
      shown: (answers) => namespaceOf(answers) || 'that of the source',
      async ask(asker, answers) {
        const registry = registryOf(answers)
        const isSame = registry === sourceOf(table, answers).split('/')[0]
        const namespace = await askNamespace(asker, table, answers, { registry, isSame, now: namespaceOf(answers) })
        return namespace === namespaceOf(answers) && before
          ? answers
          : changed(answers, { destination: [namespace === '' ? registry : `${registry}/${namespace}`] })
      },
    },
    {
      key: 'flatten',
      label: 'Lands as',
      after: ['landing', 'destination', 'look'],
      applies: (answers) =>
        isOne(answers) && namespaceOf(answers) !== '' && landings(namespaceOf(answers), exampleOf(answers)).size > 1,
      shown: (answers) => {
        const value = answers.flags.flatten ?? String(before?.destination.flatten ?? 1)
        const flatten = value === 'all' ? value : Number(value)
        return mapRepository(exampleOf(answers), { namespace: namespaceOf(answers), flatten })
      },
      async ask(asker, answers) {
        const example = exampleOf(answers)
        const landed = landings(namespaceOf(answers), example)
        const choices = [...landed].map(([place, value]) => ({ value, name: place }))
        const fallback = answers.flags.flatten ?? (before ? String(before.destination.flatten) : undefined)
        const flatten = await select(asker, {
          message: `Where does ${example} land?`,
          option: '--flatten',
          choices,
          fallback,
        })
        return changed(answers, { flatten: flatten === '1' && !before ? undefined : flatten })
      },
    },
  ]
}

function exampleOf({ example = 'library/alpine' }: Answers): string {
  return example
}

/** What comes of each way to flatten, where that differs. */
function landings(namespace: string, example: string): ReadonlyMap<string, string> {
  const landed = new Map<string, string>()
  for (const flatten of [1, 0, 2, 3, 'all'] as const) {
    const place = mapRepository(example, { namespace, flatten })
    if (!landed.has(place)) landed.set(place, String(flatten))
  }
  return landed
}

const SOURCES = Symbol('as at the source')
const TYPED = Symbol('typed')
const MOST_CHOICES = 200

/** One that is there, or a new one, which the first run makes. */
async function askNamespace(
  asker: Asker,
  table: Table,
  answers: Answers,
  { registry, isSame, now }: { readonly registry: string; readonly isSame: boolean; readonly now: string },
): Promise<string> {
  const check = async (answer: string): Promise<string | undefined> => {
    if (answer === '' || answer === '-') return isSame ? 'the source is there already: name a namespace' : undefined
    return wrongWith(table, answers, { destination: [`${registry}/${answer}`] })
  }
  const listed = await namespacesAt(table, answers, registry)
  const names = (listed?.names ?? []).filter(isRepositoryName)
  if (names.length > 0 && names.length <= MOST_CHOICES) {
    const choices: readonly Choice<string | symbol>[] = [
      ...(isSame ? [] : [{ value: SOURCES, name: 'that of the source' }]),
      { value: TYPED, name: 'another, which is made where it is missing' },
      ...names.map((name) => ({ value: name, name })),
    ]
    const fallback = now === '' ? undefined : names.includes(now) ? now : TYPED
    const chosen = await select(asker, { message: 'Namespace there:', option: '--destination', choices, fallback })
    if (chosen === SOURCES) return ''
    if (typeof chosen === 'string') {
      const wrong = await check(chosen)
      if (wrong === undefined) return chosen
      table.session.stderr.write(`  ${wrong}\n`)
      return askNamespace(asker, table, answers, { registry, isSame, now })
    }
  }
  const none = isSame ? '' : `, ${now === '' ? 'empty' : '-'} for that of the source`
  const answer = await text(asker, {
    message: `Namespace there (such as mirror)${none}:`,
    option: '--destination',
    fallback: now,
    check,
  })
  return answer === '-' ? '' : answer
}
