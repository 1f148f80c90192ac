/** Which workers take the tasks of a run, which do not and why; says each once. */

import type { Context } from '../../core/context.ts'
import { QueueError } from '../../core/errors.ts'
import { presentWorkers } from '../present.ts'
import { lack, readAs } from '../protocol.ts'
import type { QueueServer } from '../server.ts'

export interface Roster {
  /** How many workers take its tasks. */
  readonly joined: number
  /** How many tasks they do at once, together. */
  readonly capacity: number
  /** Why no worker takes its tasks, and what to do about it; undefined while one does. */
  readonly absence: string | undefined
  /** Set while there are workers, none of which can do the tasks. */
  readonly hopeless: QueueError | undefined
  look(): Promise<void>
  /** A worker gave a task back. */
  refused(worker: string, reason: string): void
}

export interface RosterOptions {
  readonly server: QueueServer
  /** Its id. */
  readonly run: string
  readonly ctx: Context
  readonly words: Words
  /** Whether tasks wait for workers. */
  readonly isWaiting: () => boolean
  /** Told what tasks fail with that wait. */
  readonly onHopeless: (error: QueueError) => void
}

/** What is said of workers that take none of a run. */
export interface Words {
  /** `takes no tasks of this run`. */
  readonly refuses: string
  /** `can do the tasks`. */
  readonly can: string
}

/** In milliseconds: workers need a moment to find a run. */
const LOOK = 500
const PATIENCE = 3000
const HOPE = 8000
/** Reasons that are told, and those that are told together. */
const MOST_TOLD = 200
const MOST_REASONS = 10

export function watchWorkers({ server, run, ctx, words, isWaiting, onHopeless }: RosterOptions): Roster {
  const { client, keys, settings } = server
  const began = performance.now()
  const told = new Set<string>()
  let looked = Number.NEGATIVE_INFINITY
  let joined = 0
  let capacity = 0
  let hopeless: QueueError | undefined
  /** Since when workers are there, and none takes tasks. */
  let useless: number | undefined
  let isAlone = false
  let hadWorkers = false
  let reasons: readonly string[] = []

  function warn(worker: string, reason: string): void {
    const text = `worker ${worker} ${words.refuses}: ${reason}`
    if (told.has(text) || told.size >= MOST_TOLD) return
    told.add(text)
    ctx.emit({ type: 'log', level: 'warning', text })
  }

  async function look(): Promise<void> {
    if (performance.now() - looked < LOOK) return
    looked = performance.now()
    const [present, lacks] = await Promise.all([presentWorkers(client, keys), client.hgetall(keys.run(run).lacks)])
    const members = present.filter(({ runs, draining }) => runs.includes(run) && !draining)
    joined = members.length
    capacity = members.reduce((sum, { concurrency }) => sum + concurrency, 0)
    hadWorkers ||= joined > 0
    const found: string[] = []
    for (const { id, name } of present) {
      const why = readAs(lack, lacks[id])
      if (!why) continue
      warn(name, why.reason)
      found.push(`${name}: ${why.reason}`)
    }
    reasons = found.slice(0, MOST_REASONS)
    judge(present.length, found.length)
  }

  function judge(present: number, unable: number): void {
    const now = performance.now()
    const isUseless = joined === 0 && present > 0 && unable === present
    useless = isUseless ? (useless ?? now) : undefined
    hopeless = undefined
    if (useless !== undefined && now - useless >= HOPE) {
      hopeless = new QueueError(`no worker ${words.can}: ${reasons.join('; ')}`, {
        hint: 'a worker needs the registries under the same names, with the same types and URLs, and credentials for them',
      })
      if (isWaiting()) onHopeless(hopeless)
    }
    if (joined > 0) isAlone = false
    else if (!isAlone && !isUseless && isWaiting() && now - began >= PATIENCE) {
      isAlone = true
      const reason = `no worker takes tasks from ${settings.shown} (name ${settings.name}); \`replicate worker\` starts one`
      ctx.emit({ type: 'waiting', reason, stuck: true })
    }
  }

  return {
    get joined() {
      return joined
    },
    get capacity() {
      return capacity
    },
    get absence() {
      if (joined > 0) return undefined
      if (reasons.length > 0) return `no worker can do its tasks: ${reasons.join('; ')}`
      const what = hadWorkers ? 'its workers are gone' : 'no worker took its tasks'
      return `${what}: start \`replicate worker\` with ${settings.shown} as its queue (name ${settings.name})`
    },
    get hopeless() {
      return hopeless
    },
    look,
    refused: warn,
  }
}
