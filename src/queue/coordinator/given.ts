/** Tasks that were given to workers and have not ended: what the attempts at each tell becomes events and figures of the task. */

import type { Context } from '../../core/context.ts'
import type { Event } from '../../core/events.ts'
import type { Moved } from '../../core/execution.ts'
import type { Done } from '../../engine/run/runner.ts'
import type { Batch, TaskEnd, TaskJob } from '../protocol.ts'

const NOTHING: Moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }

/** In milliseconds: batches that were trimmed away never come. */
const LAST_BATCHES_WITHIN = 5000

/** One task that was given away. Owned by its coordinator; only one attempt at a time is heard. */
export class Given {
  readonly job: TaskJob
  /** A worker has it. */
  active = false
  readonly ended: Promise<TaskEnd>
  readonly end: (end: TaskEnd) => void
  readonly fail: (error: unknown) => void
  readonly #done: Done
  readonly #ctx: Context
  /** Of earlier attempts. */
  #before: Moved
  #token: string | undefined
  readonly #pastTokens = new Set<string>()
  #batches = 0
  /** Blobs that have begun and not ended, by id, with their sizes. */
  readonly #blobs = new Map<string, number>()
  #onBatch = (): void => {}

  constructor(job: TaskJob, done: Done, ctx: Context) {
    this.job = job
    this.#done = done
    this.#ctx = ctx
    this.#before = { ...NOTHING, ...pick(done) }
    const { promise, resolve, reject } = Promise.withResolvers<TaskEnd>()
    promise.catch(() => {})
    this.ended = promise
    this.end = resolve
    this.fail = reject
  }

  hear({ token, worker, number, moved, events }: Omit<Batch, 'job'>): void {
    if (this.#pastTokens.has(token)) return
    this.#attempt(token)
    this.#batches = Math.max(this.#batches, number)
    for (const event of events) this.#tell(event, worker)
    add(this.#done, this.#before, moved)
    this.#onBatch()
  }

  /** Hears what the last attempt has not told yet, once its batches are there. */
  async conclude(end: TaskEnd): Promise<void> {
    if (end.batches > 0) await this.#untilTold(end)
    this.hear({ ...end, number: end.batches })
    this.#endBlobs()
  }

  /** No attempt goes on: what was begun has failed. */
  giveUp(): void {
    this.#endBlobs()
  }

  #untilTold({ token, batches }: TaskEnd): Promise<void> {
    const isTold = (): boolean => this.#token === token && this.#batches >= batches
    return new Promise((resolve) => {
      if (isTold()) return resolve()
      const timer = setTimeout(resolve, LAST_BATCHES_WITHIN)
      this.#onBatch = () => {
        if (!isTold()) return
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Another attempt goes on where the one before has ended, with or without a word. */
  #attempt(token: string): void {
    if (this.#token === token) return
    if (this.#token !== undefined) {
      this.#pastTokens.add(this.#token)
      this.#endBlobs()
      this.#before = { ...NOTHING, ...pick(this.#done) }
    }
    this.#token = token
    this.#batches = 0
  }

  #tell(event: Event, worker: string): void {
    const { emit } = this.#ctx
    if (!('id' in event) || event.id === '') {
      emit(event)
      return
    }
    // Each worker counts its own blobs.
    const id = `${this.#token} ${event.id}`
    if (event.type === 'blob-started') {
      this.#blobs.set(id, event.size)
      emit({ ...event, id, worker })
      return
    }
    if (event.type === 'blob-ended') this.#blobs.delete(id)
    emit({ ...event, id })
  }

  #endBlobs(): void {
    for (const [id, size] of this.#blobs) this.#ctx.emit({ type: 'blob-ended', id, outcome: 'failed', size })
    this.#blobs.clear()
  }
}

function pick({ bytes_copied, bytes_mounted, bytes_present }: Moved): Moved {
  return { bytes_copied, bytes_mounted, bytes_present }
}

function add(done: Done, before: Moved, moved: Moved): void {
  done.bytes_copied = before.bytes_copied + moved.bytes_copied
  done.bytes_mounted = before.bytes_mounted + moved.bytes_mounted
  done.bytes_present = before.bytes_present + moved.bytes_present
}
