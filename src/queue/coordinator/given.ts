/** A task or a blob that was given to workers and has not ended: what the attempts at it tell becomes its events and figures. */

import type { Context } from '../../core/context.ts'
import type { Event } from '../../core/events.ts'
import type { Moved } from '../../core/execution.ts'
import type { Done } from '../../engine/run/runner.ts'
import type { TaskEnd, ToldTask, Work } from '../protocol.ts'

const NOTHING: Moved = { bytes_copied: 0, bytes_mounted: 0, bytes_present: 0 }

export interface GivenEnd extends TaskEnd {
  /** Who did it. */
  readonly worker: string
}

/** Owned by its coordinator; only one attempt at a time is heard. */
export class Given {
  readonly id: number
  readonly work: Work
  /** Another attempt may have sent some of it. */
  again: boolean
  /** How many workers have given it back, without doing any of it. */
  refusals = 0
  readonly ended: Promise<GivenEnd>
  readonly fail: (error: unknown) => void
  readonly #end: (end: GivenEnd) => void
  readonly #done: Done
  readonly #ctx: Context
  /** Of earlier attempts. */
  #before: Moved
  #token: string | undefined
  readonly #pastTokens = new Set<string>()
  /** Blobs that have begun and not ended, by id, with their sizes. */
  readonly #blobs = new Map<string, number>()

  constructor(id: number, work: Work, again: boolean, done: Done, ctx: Context) {
    this.id = id
    this.work = work
    this.again = again
    this.#done = done
    this.#ctx = ctx
    this.#before = { ...NOTHING, ...pick(done) }
    const { promise, resolve, reject } = Promise.withResolvers<GivenEnd>()
    promise.catch(() => {})
    this.ended = promise
    this.#end = resolve
    this.fail = reject
  }

  /** True where it has ended now. */
  hear(token: string, worker: string, { moved, events = [], end }: Omit<ToldTask, 'id'>): boolean {
    if (this.#pastTokens.has(token)) return false
    this.#attempt(token)
    for (const event of events) this.#tell(event, worker)
    add(this.#done, this.#before, moved)
    if (!end) return false
    this.stop()
    this.#end({ worker, ...end })
    return true
  }

  /** No attempt at it goes on: blobs that were begun have failed. */
  stop(): void {
    for (const [id, size] of this.#blobs) this.#ctx.emit({ type: 'blob-ended', id, outcome: 'failed', size })
    this.#blobs.clear()
  }

  /** Another attempt goes on where the one before has ended, with or without a word. */
  #attempt(token: string): void {
    if (this.#token === token) return
    if (this.#token !== undefined) {
      this.#pastTokens.add(this.#token)
      this.stop()
      this.#before = { ...NOTHING, ...pick(this.#done) }
    }
    this.#token = token
  }

  #tell(event: Event, worker: string): void {
    const { emit } = this.#ctx
    if (event.type === 'request') {
      emit({ ...event, worker })
      return
    }
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
}

function pick({ bytes_copied, bytes_mounted, bytes_present }: Moved): Moved {
  return { bytes_copied, bytes_mounted, bytes_present }
}

function add(done: Done, before: Moved, moved: Moved): void {
  done.bytes_copied = before.bytes_copied + moved.bytes_copied
  done.bytes_mounted = before.bytes_mounted + moved.bytes_mounted
  done.bytes_present = before.bytes_present + moved.bytes_present
}
