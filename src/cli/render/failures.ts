/** Tasks that failed, told as they fail: the first of each kind in full, a hint once, and how many of each kind there are in the end. */

import type { RecordedError, Task } from '../../core/execution.ts'
import { taskName } from '../../core/execution.ts'
import type { Colors } from './colors.ts'
import { plural, printable } from './format.ts'

/** Of each kind, as many tasks stand in full. */
const IN_FULL = 3
/** Of each kind, as many repositories are named. */
const NAMED = 3
/** Further kinds, and further repositories of a kind, are only counted. */
const MOST = 1000

export interface Failures {
  /** What to say of a task that has failed; undefined once enough of its kind were shown. */
  add(task: Task): string | undefined
  /** A line for each kind, what hit most tasks first; nothing where one task alone has failed. */
  counted(): string
}

interface Kind {
  readonly title: string
  tasks: number
  /** By destination repository. */
  readonly places: Map<string, number>
}

export function createFailures(colors: Colors): Failures {
  const kinds = new Map<string, Kind>()
  const hinted = new Set<string>()

  function kindFor(task: Task): Kind {
    const title = kindOfFailure(task)
    const known = kinds.get(title) ?? kinds.get(kinds.size < MOST ? title : OTHERS)
    const kind = known ?? { title: kinds.size < MOST ? title : OTHERS, tasks: 0, places: new Map() }
    kinds.set(kind.title, kind)
    return kind
  }

  return {
    add(task) {
      const kind = kindFor(task)
      kind.tasks += 1
      const place = placeOf(task)
      if (kind.places.has(place) || kind.places.size < MOST) kind.places.set(place, (kind.places.get(place) ?? 0) + 1)
      if (kind.tasks <= IN_FULL) return inFull(task, colors, hinted)
      if (kind.tasks > IN_FULL + 1) return undefined
      return colors.dim(`  ${printable(kind.title)}: further tasks are counted, and told at the end\n`)
    },
    counted() {
      const all = [...kinds.values()].sort((a, b) => b.tasks - a.tasks)
      if (all.length === 0 || (all.length === 1 && all[0]?.tasks === 1)) return ''
      return all.map((kind) => `  ${printable(countOf(kind))}\n`).join('')
    },
  }
}

const OTHERS = 'other reasons'

/** Failures of one kind. */
export interface FailureGroup {
  /** `403 DENIED by zot: 67 tasks (hub/redis ×4, …)`; for a single task its message. */
  readonly title: string
  /** Of the first of them. */
  readonly error: RecordedError
  readonly tasks: readonly Task[]
}

/** The failed ones among the tasks, what hit most of them first. */
export function groupFailures(tasks: readonly Task[]): readonly FailureGroup[] {
  const failed = tasks.filter(({ status }) => status === 'failed')
  const groups = [...Map.groupBy(failed, kindOfFailure)].sort(([, a], [, b]) => b.length - a.length)
  return groups.map(([kind, members]) => {
    const places = new Map<string, number>()
    for (const task of members) places.set(placeOf(task), (places.get(placeOf(task)) ?? 0) + 1)
    const error = members[0]?.error ?? UNKNOWN
    const title = members.length === 1 ? error.message : countOf({ title: kind, tasks: members.length, places })
    return { title, error, tasks: members }
  })
}

const UNKNOWN: RecordedError = { code: 'unknown', message: 'failed' }

/** `403 DENIED by zot`; where the history knows no kind, the message without the names in it. */
function kindOfFailure({ error, src_resource, dest_resource }: Task): string {
  if (!error) return UNKNOWN.message
  if (error.kind !== undefined) return error.kind
  const names = [src_resource, dest_resource].flatMap((name) => [name, withoutTag(name)])
  return names.reduce((text, name) => (name === '' ? text : text.replaceAll(name, '…')), error.message)
}

/** `403 DENIED by zot: 67 tasks (hub/redis ×4, hub/alpine ×3 and 21 more)`. */
function countOf({ title, tasks, places }: Kind): string {
  const sorted = [...places].sort(([, a], [, b]) => b - a)
  const named = sorted.slice(0, NAMED).map(([place, amount]) => (amount === 1 ? place : `${place} ×${amount}`))
  const more = places.size - named.length
  const rest = more === 0 ? '' : ` and ${plural(more, 'more repository', 'more repositories')}`
  return `${title}: ${plural(tasks, 'task')} (${named.join(', ')}${rest})`
}

function placeOf({ dest_resource, src_resource }: Task): string {
  return withoutTag(dest_resource === '' ? src_resource : dest_resource)
}

/** `hub/library/redis` of `hub/library/redis:7`. */
function withoutTag(resource: string): string {
  return resource.replace(/(:[^:/@]+)?(@[^@/]+)?$/, '')
}

/** What, where, why and what next; a hint that was said before is left out. */
function inFull(task: Task, colors: Colors, hinted: Set<string>): string {
  const { message, hint } = task.error ?? UNKNOWN
  const lines = [`${colors.red('✗')} ${printable(taskName(task))}  ${printable(message)}`]
  if (hint && !hinted.has(hint)) lines.push(`  ${printable(hint)}`)
  if (hint) hinted.add(hint)
  lines.push(colors.dim(`  log: replicate executions logs ${task.execution_id} ${task.id}`))
  return lines.map((line) => `${line}\n`).join('')
}
