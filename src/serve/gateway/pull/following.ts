/** One client's way through a blob that is on its way. Where several pulls need the blob, one of them brings it for all. */

import type { Held } from '../../../core/held.ts'
import type { Flight, Reader } from './flight.ts'

/** Of one request alone. */
export class Following {
  readonly #own: Flight
  readonly #others: Set<Flight>
  /** Where the last bytes came from. Until it has arrived nobody knows whether they are right, so the next ones come from there, too. */
  #from: Flight | undefined
  #reader: Reader = {}

  /** `own`: of the pull that the client is part of. */
  constructor(own: Flight, others: readonly Flight[] = []) {
    this.#own = own
    this.#others = new Set(others)
  }

  get isOver(): boolean {
    return this.#own.isOver
  }

  get isLive(): boolean {
    return this.#own.isLive || [...this.#others].some(({ isLive }) => isLive)
  }

  /** As `Flight.read`. */
  async read(offset: number, signal: AbortSignal): Promise<Held | undefined> {
    for (;;) {
      const flight = this.#from ?? (await this.#first(offset, signal))
      if (flight === this.#own) {
        this.#from = flight
        return flight.read(offset, this.#reader, signal)
      }
      try {
        const bytes = await flight.read(offset, this.#reader, signal)
        this.#from = bytes && flight
        if (bytes) return bytes
      } catch (error) {
        // What was sent is perhaps wrong.
        if (this.#from || signal.aborted) throw error
      }
      this.#others.delete(flight)
      // It has brought all of it, so what was read there is right.
      this.#reader = {}
    }
  }

  /** The first that need not be waited for. */
  async #first(offset: number, signal: AbortSignal): Promise<Flight> {
    if (this.#others.size === 0) return this.#own
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    try {
      return await Promise.race(
        [this.#own, ...this.#others].map(async (flight) => {
          await flight.ready(offset, until)
          return flight
        }),
      )
    } finally {
      over.abort()
    }
  }
}
