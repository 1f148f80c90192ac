/** Tells the coordinator of a run what its tasks do here: in batches, several times a second, by a stream that is bounded. */

import type { Redis } from 'ioredis'
import type { Event } from '../../core/events.ts'
import type { Moved } from '../../core/execution.ts'
import type { Batch, JobEnd, TaskEnd, ToldTask } from '../protocol.ts'

export interface Reporter {
  /** `lock`: the key of the job's lock. Once another worker holds it, nothing more is told. */
  begin(job: string, token: string, lock: string): Report
  /** Bytes that all its tasks have copied so far. */
  readonly bytes: number
  end(): void
}

/** Of one attempt at a job. */
export interface Report {
  /** `moved` grows while the task runs. */
  task(id: number, moved: Moved): TaskReport
  /** What is left to tell, to be told by the end of the job. */
  rest(): Pick<JobEnd, 'batches' | 'tasks' | 'token'>
  end(): void
}

export interface TaskReport {
  readonly emit: (event: Event) => void
  /** Nothing more comes of it. */
  ended(end: TaskEnd): void
  left(): void
}

/** In milliseconds: of what happens; and of ends, for which the coordinator waits with the next task. */
const INTERVAL = 200
const SOON = 30
/** Of a stream: what the coordinator has not read by then is lost. It removes what it has read. */
const MOST_ENTRIES = 2000
/** Events of a task that wait to be told; of what is only for readers no more are kept. */
const MOST_WAITING = 1000

/** Entries of attempts whose job another worker has are left out. The first key is the stream, the others are locks. */
const TELL = `
for at = 2, #KEYS do
  local holder = redis.call('GET', KEYS[at])
  local token, text = ARGV[2 * at - 3], ARGV[2 * at - 2]
  if not holder or holder == token then
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ${MOST_ENTRIES}, '*', 'batch', text)
  end
end`

interface Attempt {
  readonly job: string
  readonly token: string
  readonly lock: string
  readonly tasks: Set<Told>
  batches: number
}

/** What of a task waits to be told. */
interface Told {
  readonly id: number
  readonly moved: Moved
  events: Event[]
  /** By blob: where in `events` its progress stands, which the next replaces. */
  progress: Map<string, number>
  /** What was told of `moved`. */
  bytes: number
  end?: TaskEnd
  isLeft?: true
}

export function createReporter(client: Redis, stream: string, worker: string): Reporter {
  const attempts = new Set<Attempt>()
  let bytes = 0
  let isTelling = false
  let soon: NodeJS.Timeout | undefined

  function note({ events, progress }: Told, event: Event): void {
    if (event.type === 'blob-progress') {
      const at = progress.get(event.id)
      if (at !== undefined) {
        events[at] = event
        return
      }
      progress.set(event.id, events.length)
    } else if ('id' in event) progress.delete(event.id)
    else if (events.length >= MOST_WAITING && (event.type === 'log' || event.type === 'request')) return
    events.push(event)
  }

  function take({ tasks }: Attempt): ToldTask[] {
    const taken: ToldTask[] = []
    for (const told of tasks) {
      const { id, moved, events, end, isLeft } = told
      if (events.length === 0 && !end && !isLeft && told.bytes === moved.bytes_copied) continue
      const { bytes_copied, bytes_mounted, bytes_present } = moved
      taken.push({
        id,
        moved: { bytes_copied, bytes_mounted, bytes_present },
        ...(events.length > 0 && { events }),
        ...(end && { end }),
        ...(isLeft && { left: isLeft }),
      })
      told.events = []
      told.progress = new Map()
      bytes += bytes_copied - told.bytes
      told.bytes = bytes_copied
      if (end ?? isLeft) tasks.delete(told)
    }
    return taken
  }

  /** One flush at a time: while the server is away events wait here, within bounds. */
  async function tell(): Promise<void> {
    if (isTelling) return
    isTelling = true
    try {
      const locks: string[] = []
      const texts: string[] = []
      for (const attempt of attempts) {
        const tasks = take(attempt)
        if (tasks.length === 0) continue
        const { job, token, lock } = attempt
        attempt.batches += 1
        const batch: Batch = { job, token, worker, number: attempt.batches, tasks }
        locks.push(lock)
        texts.push(token, JSON.stringify(batch))
      }
      if (locks.length > 0) await client.eval(TELL, locks.length + 1, stream, ...locks, ...texts)
    } catch {
      // Figures come with the next batch; tasks whose end was lost are given anew.
    } finally {
      isTelling = false
    }
  }

  function tellSoon(): void {
    soon ??= setTimeout(() => {
      soon = undefined
      void tell()
    }, SOON)
  }

  const timer = setInterval(() => void tell(), INTERVAL)
  return {
    begin(job, token, lock) {
      const attempt: Attempt = { job, token, lock, tasks: new Set(), batches: 0 }
      attempts.add(attempt)
      return {
        task(id, moved) {
          const told: Told = { id, moved, events: [], progress: new Map(), bytes: 0 }
          attempt.tasks.add(told)
          return {
            emit: (event) => note(told, event),
            ended(end) {
              told.end = end
              tellSoon()
            },
            left() {
              told.isLeft = true
              tellSoon()
            },
          }
        },
        rest() {
          attempts.delete(attempt)
          return { tasks: take(attempt), batches: attempt.batches, token }
        },
        end: () => void attempts.delete(attempt),
      }
    },
    get bytes() {
      return bytes
    },
    end() {
      clearInterval(timer)
      clearTimeout(soon)
    },
  }
}
