/** `replicate worker`: finds the runs that there are, and takes tasks of all of them until it is told to end. */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../core/cancel.ts'
import { messageOf } from '../../core/errors.ts'
import type { RequestEvent } from '../../core/events.ts'
import { createSlots } from '../../transfer/job.ts'
import { createThrottle } from '../../transfer/throttle.ts'
import { watchContact } from '../contact.ts'
import { letExpire } from '../forget.ts'
import { atMost } from '../patience.ts'
import { redisTime } from '../present.ts'
import { anyFormat, FORMAT, type Presence, type RunRecord, readAs, runRecord } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { workName } from '../work.ts'
import { lackOf, type Means, otherFormat } from './fit.ts'
import { type JoinedRun, type JoinTools, joinRun } from './joined.ts'
import { sharesOf } from './shares.ts'

/** A run as a worker's log names it. */
export interface ShownRun {
  /** Null where it is a verification, which has no number. */
  readonly execution: number | null
  /** A verification may be one of a registry: its name. */
  readonly policy: string
  readonly host: string
}

/** What happens in a worker, for its log. */
export type WorkerNews =
  | { readonly type: 'ready'; readonly name: string; readonly queue: string; readonly concurrency: number }
  | ({ readonly type: 'joined' | 'left' } & ShownRun)
  /** Without more than its id where its record cannot be read. */
  | ({ readonly type: 'refused'; readonly run: string; readonly reason: string } & Partial<ShownRun>)
  | { readonly type: 'task'; readonly task: string; readonly error?: string }
  | { readonly type: 'blob'; readonly blob: string; readonly error?: string }
  | { readonly type: 'log'; readonly level: 'info' | 'warning'; readonly text: string }
  | RequestEvent
  /** `within`: milliseconds. */
  | { readonly type: 'draining'; readonly tasks: number; readonly within: number }

export interface WorkTools extends Omit<JoinTools, 'server' | 'own' | 'throttles' | 'ended' | 'places'>, Means {
  readonly server: QueueServer
  readonly host: string
  readonly version: string
  /** Tasks, and blob streams to each destination, at once. */
  readonly concurrency: number
  /** Bytes a second of all its tasks together. */
  readonly bandwidth?: number | undefined
  /** Milliseconds that tasks may take to end once the signal is aborted. */
  readonly drain: number
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly listen: (news: WorkerNews) => void
}

/** In milliseconds. */
const LOOK = 250
const PRESENCE_LASTS = 15_000
/** How long a record may be gone before its run counts as over: a server that was restarted without its file gets it again. */
const OVER_AFTER = 5000
/** How long a run without its coordinator is kept. */
const ORPHAN_AFTER = 30_000
const MOST_RUNS = 200
const DAY = 24 * 60 * 60 * 1000
/** For what is only polite. */
const FAREWELL = 2000

/** Throws where the queue cannot be used. */
export async function work(tools: WorkTools): Promise<void> {
  const { signal, name, listen, server } = tools
  const { client, keys, settings } = server
  const id = `${name}-${randomUUID().slice(0, 8)}`
  const since = new Date(await redisTime(client)).toISOString()
  const runs = new Map<string, { readonly run: JoinedRun; missing: number | undefined }>()
  const joining = new Set<string>()
  /** Runs that this worker does not serve, and why. */
  const refused = new Map<string, string>()
  const leaving = new Set<Promise<void>>()
  const tell = (level: 'info' | 'warning', text: string): void => listen({ type: 'log', level, text })
  const contact = watchContact(settings.shown, tell)
  const own = { count: tools.concurrency, slots: createSlots(tools.concurrency) }
  const throttles = tools.bandwidth === undefined ? [] : [createThrottle(tools.bandwidth, tools.clock)]
  const ended: JoinTools['ended'] = (work, error) => {
    const name = workName(work)
    const news = 'task' in work ? ({ type: 'task', task: name } as const) : ({ type: 'blob', blob: name } as const)
    listen({ ...news, ...(error === undefined ? {} : { error }) })
  }
  const rate = createRate()
  let past = 0

  function tasks(): number {
    return [...runs.values()].reduce((sum, { run }) => sum + run.active, 0)
  }

  async function show(): Promise<void> {
    const bytes = [...runs.values()].reduce((sum, { run }) => sum + run.bytes, past)
    const presence: Presence = {
      id,
      name,
      host: tools.host,
      version: tools.version,
      format: FORMAT,
      concurrency: tools.concurrency,
      tasks: tasks(),
      bytes_per_second: rate(bytes),
      since,
      runs: [...runs.keys()],
      draining: signal.aborted,
    }
    await client.set(keys.worker(id), JSON.stringify(presence), 'PX', PRESENCE_LASTS)
    await client.zadd(keys.workers, 'NX', Date.parse(since), id)
    await client.pexpire(keys.workers, DAY)
  }

  async function refuse(run: string, reason: string, record?: RunRecord): Promise<void> {
    if (refused.get(run) === reason) return
    refused.set(run, reason)
    listen({ type: 'refused', run, reason, ...(record && shownRun(record)) })
    const { lacks } = keys.run(run)
    await client.hset(lacks, id, JSON.stringify({ name, reason }))
    await client.pexpire(lacks, DAY)
  }

  async function join(record: RunRecord): Promise<void> {
    if (joining.has(record.id) || refused.has(record.id) || signal.aborted) return
    joining.add(record.id)
    try {
      const reason = await lackOf(record, tools)
      if (reason !== undefined) return await refuse(record.id, reason, record)
      const run = await joinRun(record, { ...tools, own, throttles, ended, places: placesFor(record.id) })
      run.follow(record)
      runs.set(record.id, { run, missing: undefined })
      listen({ type: 'joined', ...shownRun(record) })
      if (signal.aborted) leave(record.id, tools.drain)
    } catch (error) {
      await refuse(record.id, messageOf(error), record)
    } finally {
      joining.delete(record.id)
    }
  }

  const leavingRuns = new Set<string>()
  /** Once: tasks that still run after `milliseconds` are given back. */
  function leave(run: string, milliseconds: number): void {
    const one = runs.get(run)
    if (!one || leavingRuns.has(run)) return
    leavingRuns.add(run)
    const { record } = one.run
    const left = one.run
      .leave(milliseconds)
      .catch((error: unknown) => tell('warning', messageOf(error)))
      // Its coordinator may be gone, and what was done last has made keys anew.
      .then(() => atMost(FAREWELL, () => letExpire(server, run)))
      .then(() => {
        past += one.run.bytes
        runs.delete(run)
        leavingRuns.delete(run)
        listen({ type: 'left', ...shownRun(record) })
      })
    leaving.add(left)
    void left.finally(() => leaving.delete(left))
  }

  async function look(): Promise<void> {
    const ids = await client.zrange(keys.runs, '0', String(MOST_RUNS - 1))
    const texts = ids.length === 0 ? [] : await client.mget(ids.map((one) => keys.run(one).record))
    for (const [at, run] of ids.entries()) {
      const text = texts[at]
      const known = runs.get(run)
      const record = readAs(runRecord, text)
      if (record) {
        if (!known) void join(record)
        else if (!leavingRuns.has(run)) {
          known.missing = undefined
          known.run.follow(record)
        }
      } else if (typeof text === 'string') {
        const other = readAs(anyFormat, text)
        await refuse(run, other ? otherFormat(other, tools.version) : 'its record cannot be read')
      }
    }
    const now = performance.now()
    for (const [run, one] of runs) {
      const at = ids.indexOf(run)
      if (at >= 0 && typeof texts[at] === 'string') continue
      one.missing ??= now
      // Without its record nothing new of it begins; without a place in the list it is over.
      one.run.orphan()
      const isOver = at < 0
      if (isOver && now - one.missing >= OVER_AFTER) leave(run, 0)
      else if (now - one.missing >= ORPHAN_AFTER) leave(run, LONGEST)
    }
    for (const run of refused.keys()) if (!ids.includes(run)) refused.delete(run)
    share()
    await show()
    contact.answered()
  }

  /** Of a run that has no task yet. */
  function placesFor(run: string): number {
    const active = new Map([...runs].map(([id, one]): [string, number] => [id, one.run.active]))
    return sharesOf(tools.concurrency, active.set(run, 0)).get(run) ?? 1
  }

  function share(): void {
    const shares = sharesOf(tools.concurrency, new Map([...runs].map(([run, one]) => [run, one.run.active])))
    for (const [run, places] of shares) runs.get(run)?.run.share(places)
  }

  await look()
  listen({ type: 'ready', name, queue: settings.shown, concurrency: tools.concurrency })
  let looking: Promise<void> | undefined
  const timer = setInterval(() => {
    looking ??= look()
      .catch(contact.failed)
      .finally(() => {
        looking = undefined
      })
  }, LOOK)
  await aborted(signal)
  listen({ type: 'draining', tasks: tasks(), within: tools.drain })
  for (const run of runs.keys()) leave(run, tools.drain)
  await atMost(FAREWELL, show)
  await Promise.allSettled(leaving)
  clearInterval(timer)
  contact.end()
  await atMost(FAREWELL, async () => {
    // It would say once more that this worker is there.
    await looking
    await goodbye()
  })

  async function goodbye(): Promise<void> {
    await client.del(keys.worker(id))
    await client.zrem(keys.workers, id)
  }
}

function shownRun(record: RunRecord): ShownRun {
  const { host } = record
  return record.kind === 'execution'
    ? { execution: record.execution, policy: record.policy.name, host }
    : { execution: null, policy: record.of, host }
}

/** For as long as tasks take; within what timers know. */
const LONGEST = 20 * 24 * 60 * 60 * 1000

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Bytes a second over the last seconds, of a count that grows. */
function createRate(): (bytes: number) => number {
  const seen: { readonly time: number; readonly bytes: number }[] = []
  return (bytes) => {
    const time = performance.now()
    seen.push({ time, bytes })
    while (seen.length > 10) seen.shift()
    const [first] = seen
    if (!first || time - first.time < 100) return 0
    return Math.round(((bytes - first.bytes) / (time - first.time)) * 1000)
  }
}
