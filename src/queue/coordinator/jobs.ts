/** Jobs of a run: several tasks or blobs in each, where they are small, as many as leave no worker idle; one alone, where it takes long. */

import type { Queue } from 'bullmq'
import { abortReason } from '../../core/cancel.ts'
import type { Context } from '../../core/context.ts'
import { NetworkError, QueueError } from '../../core/errors.ts'
import { plural } from '../../core/plural.ts'
import { type Batch, type JobData, type JobEnd, jobEnd } from '../protocol.ts'
import { workName } from '../work.ts'
import { dataOf, type Plan } from './data.ts'
import type { Given, GivenEnd } from './given.ts'
import type { Roster } from './roster.ts'
import { repositoryOf, Waiting } from './waiting.ts'

export interface Jobs {
  /** The end of the task at whatever worker can do it. */
  give(given: Given): Promise<GivenEnd>
  hear(batch: Batch): void
  active(job: string): void
  stalled(job: string): void
  ended(job: string, value: unknown): void
  broken(job: string, reason: string): void
  /** Gives away what there is room for. */
  fill(): void
  /** Ends that were not told, as the server lost events or jobs: tasks are given anew. */
  lookAgain(): Promise<void>
  readonly isEmpty: boolean
  /** All that have not ended, or only those that no worker has. */
  fail(error: unknown, which: 'all' | 'waiting'): void
}

export interface JobsOptions {
  readonly queue: Queue<JobData>
  readonly roster: Roster
  readonly ctx: Context
  /** Where tasks come from one. */
  readonly plan?: Plan
  readonly tell: (level: 'warning', text: string) => void
}

/** In milliseconds: batches that were trimmed away never come. */
const LAST_BATCHES_WITHIN = 5000
/** Of ends that nobody has read. */
const KEPT_ENDS = { age: 3600, count: 100 } as const
/** Tasks of one job: few where tasks take long, so that no other worker idles. A worker gives back what it has not begun. */
const MOST_TASKS = 32
const FEW_TASKS = 4
/** A job that took no longer, in milliseconds, may be followed by a larger one. */
const SHORT = 1000
/** Short tasks that workers have or will find at once, for each that they do at once: one that runs, and some that are ready. */
const AHEAD = 4
const LEAST_AHEAD = 32
const MOST_AHEAD = 1000
/** A task that so many workers gave back is given to none. */
const MOST_REFUSALS = 100

/** Refusals of a server that will take jobs again: it is full, reads its file, changes its role, or cannot write. */
const PASSING = /\b(OOM|LOADING|BUSY|READONLY|MISCONF|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS)\b/

interface Out {
  readonly id: string
  /** Those that have not ended, by their ids. */
  readonly tasks: Map<number, Given>
  /** The server has it. */
  isAdded: boolean
  /** A worker has it. */
  isActive: boolean
  began: number
  isShort: boolean
  /** Of the last attempt that was heard. */
  token: string
  batches: number
  onBatch: () => void
}

export function createJobs({ queue, roster, ctx, plan, tell }: JobsOptions): Jobs {
  const waiting = new Waiting<Given>()
  const out = new Map<string, Out>()
  /** By repository. */
  const busy = new Map<string, number>()
  /** By task. */
  const jobOf = new Map<number, Out>()
  let number = 0
  let most = FEW_TASKS
  let isFilling = false

  function wait(given: Given): void {
    waiting.add(given)
    fillSoon()
  }

  /** Once what is asked for now stands together. */
  function fillSoon(): void {
    if (isFilling) return
    isFilling = true
    setImmediate(() => {
      isFilling = false
      fill()
    })
  }

  function fill(): void {
    if (ctx.gate?.closed || ctx.signal.aborted) return
    const { capacity, joined } = roster
    const known = most > FEW_TASKS ? capacity * AHEAD : capacity + joined
    const ahead = Math.min(MOST_AHEAD, capacity === 0 ? LEAST_AHEAD : known)
    const made: Out[] = []
    const data: JobData[] = []
    const isReady = (): boolean => [...out.values()].some(({ isActive }) => !isActive)
    while (waiting.count > 0 && jobOf.size < ahead) {
      const fair = Math.ceil(waiting.count / (2 * Math.max(1, joined)))
      const size = Math.min(most, fair)
      // A whole one, unless workers would find none.
      if (jobOf.size + size > ahead && isReady()) break
      const groups = waiting.take({ most: size, mixed: size > FEW_TASKS }, (repository) => busy.get(repository) ?? 0)
      made.push(begin(groups.flat()))
      data.push(dataOf(groups, plan))
    }
    if (made.length > 0) void add(made, data)
  }

  function begin(tasks: readonly Given[]): Out {
    number += 1
    const one: Out = {
      id: `j${number}`,
      tasks: new Map(tasks.map((given) => [given.id, given])),
      isAdded: false,
      isActive: false,
      began: 0,
      isShort: true,
      token: '',
      batches: 0,
      onBatch: () => {},
    }
    out.set(one.id, one)
    for (const given of tasks) {
      jobOf.set(given.id, one)
      count(given, 1)
    }
    return one
  }

  async function add(made: readonly Out[], data: readonly JobData[]): Promise<void> {
    const jobs = made.map(({ id }, at) => ({ name: 'tasks', data: data[at] as JobData, opts: optionsOf(id) }))
    try {
      await queue.addBulk(jobs)
      for (const one of made) one.isAdded = true
    } catch (error) {
      const isPassing = error instanceof Error && PASSING.test(error.message)
      for (const one of made) {
        out.delete(one.id)
        for (const given of [...one.tasks.values()]) {
          leave(given)
          // They are given away once the server answers again.
          if (isPassing && !ctx.signal.aborted) waiting.add(given)
          else given.fail(error)
        }
      }
    }
  }

  function count(given: Given, by: 1 | -1): void {
    const repository = repositoryOf(given.work)
    const now = (busy.get(repository) ?? 0) + by
    if (now > 0) busy.set(repository, now)
    else busy.delete(repository)
  }

  /** The task is of no job any more. */
  function leave(given: Given): void {
    const one = jobOf.get(given.id)
    if (!one) return
    one.tasks.delete(given.id)
    jobOf.delete(given.id)
    count(given, -1)
  }

  function takeBack(given: Given): void {
    given.stop()
    leave(given)
    if (ctx.signal.aborted) given.fail(abortReason(ctx.signal))
    else wait(given)
  }

  function hearTasks({ id: job }: Out, token: string, worker: string, tasks: Batch['tasks']): void {
    for (const { id, ...told } of tasks) {
      const one = jobOf.get(id)
      const given = one?.tasks.get(id)
      // What another job tells of a task that was given anew is of an attempt that has been given up, but for its success.
      if (!given || (one?.id !== job && (told.end === undefined || told.end.error))) continue
      if (given.hear(token, worker, told)) leave(given)
      else if (told.left) {
        if (one) one.isShort = false
        most = Math.min(most, Math.max(FEW_TASKS, Math.floor(most / 2)))
        takeBack(given)
      }
    }
    fillSoon()
  }

  async function conclude(one: Out, end: JobEnd): Promise<void> {
    await untilTold(one, end)
    hearTasks(one, end.token, end.worker, end.tasks)
    if (out.get(one.id) !== one) return
    out.delete(one.id)
    if (end.refused !== undefined) roster.refused(end.worker, end.refused)
    if (one.isShort && one.isActive && performance.now() - one.began < SHORT) most = Math.min(MOST_TASKS, most * 2)
    for (const given of [...one.tasks.values()]) {
      given.again ||= end.refused === undefined
      given.refusals += end.refused === undefined ? 0 : 1
      if (given.refusals < MOST_REFUSALS) takeBack(given)
      else given.fail(new QueueError(`too many workers gave this ${kindOf(given)} back`))
    }
  }

  function untilTold(one: Out, { token, batches }: JobEnd): Promise<void> {
    const isTold = (): boolean => batches === 0 || (one.token === token && one.batches >= batches)
    return new Promise((resolve) => {
      if (isTold()) return resolve()
      const timer = setTimeout(resolve, LAST_BATCHES_WITHIN)
      one.onBatch = () => {
        if (!isTold()) return
        clearTimeout(timer)
        resolve()
      }
    })
  }

  function broken(id: string, reason: string): void {
    const one = out.get(id)
    if (!one) return
    out.delete(id)
    for (const given of [...one.tasks.values()]) {
      given.fail(new NetworkError(`the workers that had this ${kindOf(given)} did not end it: ${reason}`))
    }
  }

  function ended(id: string, value: unknown): void {
    const one = out.get(id)
    if (!one) return
    const end = jobEnd.safeParse(value).data
    if (end) void conclude(one, end)
    else broken(id, 'its worker has said nothing of its end')
  }

  return {
    async give(given) {
      try {
        if (ctx.signal.aborted) throw abortReason(ctx.signal)
        const { hopeless } = roster
        if (hopeless) throw hopeless
        wait(given)
        return await given.ended
      } finally {
        given.stop()
        waiting.remove(given)
        leave(given)
      }
    },
    hear({ job, token, worker, number: at, tasks }) {
      const one = out.get(job)
      if (!one) return
      if (one.token !== token) one.batches = 0
      one.token = token
      one.batches = Math.max(one.batches, at)
      hearTasks(one, token, worker, tasks)
      one.onBatch()
    },
    active(id) {
      const one = out.get(id)
      if (!one) return
      one.isActive = true
      one.began = performance.now()
    },
    stalled(id) {
      const one = out.get(id)
      if (!one) return
      one.isActive = false
      one.isShort = false
      // One of them may be what ended it.
      most = 1
      const [first] = one.tasks.values()
      if (!first) return
      const rest = one.tasks.size - 1
      const what = `${nameOf(first)}${rest > 0 ? ` and ${plural(rest, 'more', 'more')}` : ''}`
      tell(
        'warning',
        `a worker that had ${what} does not answer any more: another one takes ${rest > 0 ? 'them' : 'it'}`,
      )
    },
    ended,
    broken,
    fill,
    async lookAgain() {
      for (const [id, one] of [...out]) {
        const job = await queue.getJob(id)
        if (out.get(id) !== one || !one.isAdded) continue
        if (!job) {
          out.delete(id)
          for (const given of [...one.tasks.values()]) {
            given.again = true
            takeBack(given)
          }
        } else if (job.finishedOn !== undefined) {
          if (job.failedReason) broken(id, job.failedReason)
          else ended(id, job.returnvalue)
        }
      }
    },
    get isEmpty() {
      return jobOf.size === 0 && waiting.count === 0
    },
    fail(error, which) {
      const idle = [...out.values()].filter(({ isActive }) => which === 'all' || !isActive)
      for (const given of [...waiting.all(), ...idle.flatMap(({ tasks }) => [...tasks.values()])]) given.fail(error)
    },
  }
}

function optionsOf(jobId: string) {
  return { jobId, removeOnComplete: KEPT_ENDS, removeOnFail: KEPT_ENDS }
}

function kindOf({ work }: Given): string {
  return 'task' in work ? 'task' : 'blob'
}

/** `task mirror/app:v1`, `blob mirror/app@sha256:…`. */
function nameOf(given: Given): string {
  return `${kindOf(given)} ${workName(given.work)}`
}
