/** What the clients of one pull wait for, so that it is copied first and everything else gives way for a while. */

import type { Clock } from '../../../core/cancel.ts'
import type { Digest } from '../../../core/descriptor.ts'
import { unlessAborted } from './waiting.ts'

/** How long after a client's last request the rest of the artifact may still wait for the next one, in milliseconds. */
const QUIET_MS = 1000
/** How long clients hold the rest back at most, in milliseconds: one that asks again and again must not keep it away for good. */
const LONGEST_MS = 10 * 60_000

export class Attention {
  readonly #clock: Clock
  readonly #quiet: number
  readonly #until: number
  readonly #wanted = new Map<Digest, AbortController>()
  readonly #waitedFor = new Set<Digest>()
  /** What was asked for already: to ask for it again says nothing of what comes next. */
  readonly #asked = new Set<Digest>()
  #quietFrom: number
  #changed = Promise.withResolvers<void>()

  /** `expects`: clients will ask for blobs. */
  constructor(clock: Clock, expects: boolean) {
    this.#clock = clock
    this.#quiet = expects ? QUIET_MS : 0
    this.#quietFrom = clock.monotonic() + this.#quiet
    this.#until = clock.monotonic() + LONGEST_MS
  }

  /** A client asks for something of the artifact, and others of its parts may be next. */
  ask(digest: Digest): void {
    if (this.#asked.has(digest)) return
    this.#asked.add(digest)
    this.#hold()
  }

  want(digest: Digest): void {
    this.#hold()
    this.#waitedFor.add(digest)
    this.#controllerOf(digest).abort()
    this.#tell()
  }

  /** The blob is there, or is not to come. */
  settle(digest: Digest): void {
    if (this.#waitedFor.delete(digest)) this.#hold()
    this.#tell()
  }

  wanted(digest: Digest): AbortSignal {
    return this.#controllerOf(digest).signal
  }

  async calm(signal: AbortSignal): Promise<void> {
    while (this.#clock.monotonic() < this.#until) {
      const left = this.#quietFrom - this.#clock.monotonic()
      if (this.#waitedFor.size > 0) await unlessAborted(this.#changed.promise, signal)
      else if (left > 0) await this.#clock.sleep(left, signal)
      else return
    }
  }

  #hold(): void {
    this.#quietFrom = this.#clock.monotonic() + this.#quiet
  }

  #controllerOf(digest: Digest): AbortController {
    const controller = this.#wanted.get(digest) ?? new AbortController()
    this.#wanted.set(digest, controller)
    return controller
  }

  #tell(): void {
    const changed = this.#changed
    this.#changed = Promise.withResolvers()
    changed.resolve()
  }
}
