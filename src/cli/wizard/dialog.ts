/** Questions as data: asked in their order, each of which can be returned to, by Esc and from the overview at the end. */

import { Back, select } from '../prompt/prompt.ts'
import type { Asker, Choice } from '../prompt/question.ts'
import { printable, truncate } from '../render/format.ts'

/** One question of a dialog, whose answers are an `A`. */
export interface Topic<A> {
  readonly key: string
  /** Its name in the overview. */
  readonly label: string
  /** Its answer in the overview; undefined: the usual one, which stands below "another setting". */
  readonly shown: (answers: A) => string | undefined
  readonly ask: (asker: Asker, answers: A) => Promise<A>
  /** Whether it has a meaning with these answers; absent: always. */
  readonly applies?: (answers: A) => boolean
  /** Its usual answer is right for most: it is asked only from the overview. */
  readonly quiet?: boolean | ((answers: A) => boolean)
  /** The topics whose change makes its answer doubtful, so that it is asked again. */
  readonly after?: readonly string[]
}

/** What is to be said before the overview. */
export interface Verdict {
  /** Nothing speaks against saving. */
  readonly ok: boolean
  /** The key of the topic whose answer is probably wrong. */
  readonly likely?: string | undefined
}

export interface Dialog<A> {
  readonly topics: readonly Topic<A>[]
  readonly answers: A
  /** The keys of topics that options have answered already. */
  readonly answered: Iterable<string>
  /** Where it would be saved. */
  readonly file: string
  /** Shows what would be saved, or tests it. Called again after each change. */
  readonly review: (answers: A) => Promise<Verdict>
  /** It is saved without a look at the overview, unless something speaks against it. */
  readonly direct: boolean
}

/** Thrown by a topic: another one is to be answered first. */
export class Elsewhere extends Error {
  readonly key: string
  constructor(key: string) {
    super(`another answer is to be changed: ${key}`)
    this.key = key
  }
}

const SAVE = Symbol('save')
const LEAVE = Symbol('leave')
const OTHERS = Symbol('others')

/** Undefined where the user leaves. */
export async function dialog<A>(asker: Asker, { topics, file, review, ...start }: Dialog<A>): Promise<A | undefined> {
  const answered = new Set(start.answered)
  /** What was asked, in that order. */
  const path: string[] = []
  let { answers, direct } = start
  let wanted: { readonly key: string | undefined; readonly fromOverview: boolean } | undefined
  let verdict: Verdict | undefined
  const named = (key: string | undefined) => topics.find((topic) => topic.key === key)
  const applying = () => topics.filter(({ applies }) => applies?.(answers) ?? true)
  const isQuiet = ({ quiet = false }: Topic<A>): boolean => (typeof quiet === 'function' ? quiet(answers) : quiet)

  for (;;) {
    const { key, fromOverview = false } = wanted ?? {}
    const topic = named(key) ?? applying().find((one) => !isQuiet(one) && !answered.has(one.key))
    wanted = undefined
    try {
      if (topic) {
        const isFirst = path.length === 0 && !fromOverview
        take(topic, await topic.ask({ ...asker, back: !isFirst }, answers))
        continue
      }
      verdict ??= await review(answers)
      if (direct && verdict.ok) return answers
      direct = false
      const chosen = await overview(asker, applying(), answers, { file, verdict })
      if (chosen === LEAVE) return undefined
      if (chosen === SAVE) return answers
      wanted = { key: chosen, fromOverview: true }
    } catch (error) {
      if (error instanceof Elsewhere) wanted = { key: error.key, fromOverview: false }
      else if (!(error instanceof Back)) throw error
      else if (!fromOverview) {
        // What one goes back over is asked again on the way forward.
        if (topic) answered.delete(topic.key)
        wanted = { key: path.pop(), fromOverview: false }
      }
    }
  }

  function take(topic: Topic<A>, given: A): void {
    const isChanged = JSON.stringify(given) !== JSON.stringify(answers)
    const isFirst = !answered.has(topic.key)
    answers = given
    answered.add(topic.key)
    if (path.at(-1) !== topic.key) path.push(topic.key)
    if (!isChanged) return
    verdict = undefined
    // What others say of it already was said with it in mind.
    if (isFirst) return
    for (const { key, after } of topics) if (after?.includes(topic.key)) answered.delete(key)
  }
}

type Chosen = string | typeof SAVE | typeof LEAVE

async function overview<A>(
  asker: Asker,
  topics: readonly Topic<A>[],
  answers: A,
  { file, verdict: { ok, likely } }: { readonly file: string; readonly verdict: Verdict },
): Promise<Chosen> {
  const answersOf = topics.map((topic) => ({ ...topic, answer: topic.shown(answers) }))
  const said = answersOf.filter(({ key, answer }) => answer !== undefined || key === likely)
  const others = answersOf.filter((topic) => !said.includes(topic))
  const widest = Math.max(...said.map(({ label }) => label.length))
  const room = Number.isFinite(asker.stderr.columns) ? asker.stderr.columns - 6 : 200
  const lines = said.map(({ key, label, answer = '' }) => ({
    value: key,
    name: truncate(`${label.padEnd(widest)}  ${printable(answer)}`.trimEnd(), room),
  }))
  const more = {
    value: OTHERS,
    name: truncate(`another setting: ${others.map(({ label }) => label.toLowerCase()).join(', ')}`, room),
  }
  const saving = { value: SAVE, name: ok ? `Save it to ${printable(file)}` : 'Save it all the same' }
  const leaving = { value: LEAVE, name: 'Leave; nothing is written' }
  const choices: readonly Choice<string | symbol>[] = [
    ...(ok ? [saving] : []),
    ...lines,
    ...(others.length > 0 ? [more] : []),
    ...(ok ? [] : [saving]),
    leaving,
  ]
  const chosen = await select<string | symbol>(
    { ...asker, back: true },
    {
      message: ok ? 'Save it, or change an answer?' : 'Which answer is to change?',
      option: '--yes',
      choices,
      fallback: ok ? SAVE : likely,
    },
  )
  if (chosen !== OTHERS) return chosen === SAVE ? SAVE : chosen === LEAVE ? LEAVE : String(chosen)
  try {
    const settings = others.map(({ key, label }) => ({ value: key, name: label }))
    return await select({ ...asker, back: true }, { message: 'Which setting?', option: '--yes', choices: settings })
  } catch (error) {
    if (error instanceof Back) return overview(asker, topics, answers, { file, verdict: { ok, likely } })
    throw error
  }
}
