/** Tells the coordinator of a run what its tasks do here: in batches, several times a second, by a stream that is bounded. */

import type { Redis } from 'ioredis'
import type { Event } from '../../core/events.ts'
import type { Moved } from '../../core/execution.ts'
import type { Batch, TaskEnd } from '../protocol.ts'

export interface Reporter {
  begin(job: string, token: string, moved: Moved): Report
  /** Bytes that all its tasks have copied so far. */
  readonly bytes: number
  end(): void
}

/** Of one attempt at a task. */
export interface Report {
  readonly emit: (event: Event) => void
  /** What is left to tell, to be told by the end of the job. */
  rest(): Pick<TaskEnd, 'batches' | 'events' | 'token'>
  end(): void
}

/** In milliseconds. */
const INTERVAL = 200
/** Of a stream: what the coordinator has not read by then is lost. */
const MOST_ENTRIES = 10_000
/** Events of a task that wait to be told; of what is only for readers no more are kept. */
const MOST_WAITING = 1000

interface Attempt {
  readonly job: string
  readonly token: string
  readonly moved: Moved
  events: Event[]
  /** By blob: where in `events` its progress stands, which the next replaces. */
  progress: Map<string, number>
  batches: number
  /** What was told of `moved`. */
  told: number
}

export function createReporter(client: Redis, stream: string, worker: string): Reporter {
  const attempts = new Set<Attempt>()
  let bytes = 0
  let isTelling = false

  function note(attempt: Attempt, event: Event): void {
    const { events, progress } = attempt
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

  function take(attempt: Attempt): readonly Event[] {
    const { events, moved } = attempt
    attempt.events = []
    attempt.progress = new Map()
    bytes += moved.bytes_copied - attempt.told
    attempt.told = moved.bytes_copied
    return events
  }

  /** One flush at a time: while the server is away events wait here, within bounds. */
  async function tell(): Promise<void> {
    if (isTelling) return
    isTelling = true
    try {
      const pipeline = client.pipeline()
      for (const attempt of attempts) {
        if (attempt.events.length === 0 && attempt.told === attempt.moved.bytes_copied) continue
        const { job, token, moved } = attempt
        attempt.batches += 1
        const batch: Batch = { job, token, worker, number: attempt.batches, moved, events: [...take(attempt)] }
        pipeline.xadd(stream, 'MAXLEN', '~', MOST_ENTRIES, '*', 'batch', JSON.stringify(batch))
      }
      if (pipeline.length > 0) await pipeline.exec()
    } catch {
      // The figures come with the next batch or the end.
    } finally {
      isTelling = false
    }
  }

  const timer = setInterval(() => void tell(), INTERVAL)
  return {
    begin(job, token, moved) {
      const attempt: Attempt = { job, token, moved, events: [], progress: new Map(), batches: 0, told: 0 }
      attempts.add(attempt)
      return {
        emit: (event) => note(attempt, event),
        rest() {
          attempts.delete(attempt)
          return { events: [...take(attempt)], batches: attempt.batches, token }
        },
        end: () => void attempts.delete(attempt),
      }
    },
    get bytes() {
      return bytes
    },
    end: () => clearInterval(timer),
  }
}
