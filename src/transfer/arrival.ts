/** How far one blob has come on its way to one destination: for the events, the log, and the figures of its task. */

import type { Context } from '../core/context.ts'
import type { Descriptor } from '../core/descriptor.ts'
import { formatBytes } from '../core/size.ts'
import { blobKey, type Job } from './job.ts'

/** Owned by one attempt to send the blob. The task's figures grow as bytes pass, and in the end say what has arrived. */
export class Arrival {
  readonly #id: string
  readonly #blob: Descriptor
  readonly #job: Job
  readonly #ctx: Context
  /** Where the stream began: the destination had what stands before. Undefined until it is opened. */
  #begun: number | undefined
  /** The end of what has passed. */
  #passed = 0
  /** What `bytes_copied` of the task has of this attempt. */
  #counted = 0
  /** How far it was when its connections were let go. */
  #paused: number | undefined

  constructor(id: string, blob: Descriptor, job: Job, ctx: Context) {
    this.#id = id
    this.#blob = blob
    this.#job = job
    this.#ctx = ctx
  }

  /** The stream begins at `offset`, for the first time or again. */
  begin(offset: number): void {
    const { digest, size } = this.#blob
    const { registry } = this.#job.destination
    const paused = this.#paused
    this.#paused = undefined
    if (paused !== undefined) {
      const place = `${digest} at ${formatBytes(offset)} of ${formatBytes(size)}`
      const lost = `${registry} has not kept the ${formatBytes(paused)} of ${digest} that it had got: begun anew`
      this.#log(offset > 0 || paused === 0 ? `resumed ${place}` : lost)
    } else if (this.#begun === undefined && offset > 0) {
      this.#log(`resuming ${digest} at ${formatBytes(offset)} of ${formatBytes(size)}, which an earlier run has sent`)
    }
    // A registry that has forgotten its part of the blob gets it from the beginning.
    this.#begun = Math.min(this.#begun ?? offset, offset)
    if (offset !== this.#passed) this.#ctx.emit({ type: 'blob-offset', id: this.#id, bytes: offset })
    this.#passed = offset
    this.#count()
  }

  pass(bytes: number): void {
    this.#passed += bytes
    this.#ctx.emit({ type: 'blob-progress', id: this.#id, bytes: this.#passed })
    this.#count()
  }

  letGo(): void {
    this.#paused = this.#passed
  }

  /** All of it has arrived. */
  end(): void {
    this.#settle(this.#blob.size)
    this.#job.state.arrived.delete(this.#key)
  }

  /** It was given up; the destination keeps `kept` bytes of it for the next attempt. */
  fail(kept: number): void {
    const { state, destination } = this.#job
    this.#settle(kept)
    if (this.#begun !== undefined) state.arrived.set(this.#key, kept)
    if (kept > 0 || !this.#ctx.signal.aborted) return
    state.unkept.set(destination.registry, (state.unkept.get(destination.registry) ?? 0) + this.#passed)
  }

  get #key(): string {
    return blobKey(this.#blob, this.#job.destination)
  }

  #count(end = this.#passed): void {
    const count = Math.max(0, end - (this.#begun ?? end))
    this.#job.moved.bytes_copied += count - this.#counted
    this.#counted = count
  }

  /** What stands before the beginning was there already, unless this execution has sent it: then it was counted, as far as it was known. */
  #settle(end: number): void {
    this.#count(end)
    const { moved, state, again } = this.#job
    const before = Math.min(this.#begun ?? end, end)
    const known = state.arrived.get(this.#key)
    if (known !== undefined) moved.bytes_copied += before - known
    else if (!again) moved.bytes_present += before
  }

  #log(text: string): void {
    this.#ctx.emit({ type: 'log', level: 'info', text })
  }
}
