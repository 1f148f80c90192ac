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
  /** Whether tasks wait for workers. */
  readonly isWaiting: () => boolean
  /** Told what tasks fail with that wait. */
  readonly onHopeless: (error: QueueError) => void
}

/** In milliseconds: workers need a moment to find a run. */
const LOOK = 500
const PATIENCE = 3000
const HOPE = 8000
/** Reasons that are told. */
const MOST_TOLD = 200

export function watchWorkers({ server, run, ctx, isWaiting, onHopeless }: RosterOptions): Roster {
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

  function warn(worker: string, reason: string): void {
    const text = `worker ${worker} takes no tasks of this run: ${reason}`
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
    const reasons: string[] = []
    for (const { id, name } of present) {
      const why = readAs(lack, lacks[id])
      if (!why) continue
      warn(name, why.reason)
      reasons.push(`${name}: ${why.reason}`)
    }
    judge(present.length, reasons)
  }

  function judge(present: number, reasons: readonly string[]): void {
    const now = performance.now()
    const isUseless = joined === 0 && present > 0 && reasons.length === present
    useless = isUseless ? (useless ?? now) : undefined
    hopeless = undefined
    if (useless !== undefined && now - useless >= HOPE) {
      hopeless = new QueueError(`no worker can do the tasks: ${reasons.slice(0, 10).join('; ')}`, {
        hint: 'a worker needs each registry of the policy under the same name, with the same type and URL, and a credential for it',
      })
      if (isWaiting()) onHopeless(hopeless)
    }
    if (joined > 0) isAlone = false
    else if (!isAlone && !isUseless && isWaiting() && now - began >= PATIENCE) {
      isAlone = true
      const reason = `no worker takes tasks from ${settings.shown} (name ${settings.name}); \`replicate worker\` starts one`
      ctx.emit({ type: 'waiting', reason })
    }
  }

  return {
    get joined() {
      return joined
    },
    get capacity() {
      return capacity
    },
    get hopeless() {
      return hopeless
    },
    look,
    refused: warn,
  }
}
