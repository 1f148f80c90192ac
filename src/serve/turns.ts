/** Blobs that several runs bring to one registry: one brings each, the others wait, and find it there or mount it. */

import type { Clock } from '../core/cancel.ts'
import type { Digest } from '../core/descriptor.ts'
import type { Others, WantedBlob } from '../core/others.ts'
import { unlessAborted } from './gateway/pull/waiting.ts'

/** A pull that wants turns, and what it hears of the clients that wait. */
export interface PullTurns {
  /** Aborted once a client of the pull waits for the blob. */
  readonly wanted: (digest: Digest) => AbortSignal
  /** Called where a client of another pull waits for the blob. */
  readonly want: (digest: Digest) => void
}

interface Turn {
  /** Absent: of a run that no client hears. */
  readonly want: PullTurns['want'] | undefined
  readonly over: Promise<void>
}

/** How long a run waits for another one, which may be paused or slow on purpose, in milliseconds; and where a client waits for it that hears
 *  nothing of that other run. Then the blob is brought twice. */
const PATIENCE_MS = 5 * 60_000
const CLIENT_PATIENCE_MS = 10_000
/** Of blobs that were brought last. */
const MOST_HOMES = 10_000

/** Shared by all runs of the daemon. */
export class Turns {
  readonly #clock: Pick<Clock, 'sleep'>
  /** By registry and digest: those that are being brought. */
  readonly #turns = new Map<string, Turn>()
  readonly #homes = new Map<string, string>()

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock
  }

  /** As one run sees them. `pull` is absent for a run that no client hears. */
  others(pull?: PullTurns): Others {
    return {
      homeOf: async (one) => this.#homes.get(keyOf(one)),
      bring: async (one, known, ctx, work) => {
        const key = keyOf(one)
        const home = this.#homes.get(key)
        if (this.#turns.has(key) || (home !== undefined && home !== known)) return false
        const { promise: over, resolve } = Promise.withResolvers<void>()
        const mine: Turn = { want: pull?.want, over }
        this.#turns.set(key, mine)
        try {
          await work(ctx)
          this.#remember(key, one.repository)
          if (one.alone) this.#remember(keyOf({ ...one, alone: false }), one.repository)
        } finally {
          if (this.#turns.get(key) === mine) this.#turns.delete(key)
          resolve()
        }
        return true
      },
      ended: async (one, { signal }) => {
        const { blob } = one
        const key = keyOf(one)
        const turn = this.#turns.get(key)
        if (!turn) return
        const wanted = pull?.wanted(blob.digest)
        const onWanted = (): void => turn.want?.(blob.digest)
        if (wanted?.aborted) onWanted()
        else wanted?.addEventListener('abort', onWanted, { once: true })
        const isOver = await this.#end(turn, wanted, signal).finally(() =>
          wanted?.removeEventListener('abort', onWanted),
        )
        // The next one brings it beside whoever does now.
        if (!isOver) this.#turns.delete(key)
      },
    }
  }

  #remember(key: string, repository: string): void {
    this.#homes.delete(key)
    this.#homes.set(key, repository)
    const [oldest] = this.#homes.keys()
    if (oldest !== undefined && this.#homes.size > MOST_HOMES) this.#homes.delete(oldest)
  }

  /** Waits for the end of the turn. False: it has lasted too long. */
  async #end(turn: Turn, wanted: AbortSignal | undefined, signal: AbortSignal): Promise<boolean> {
    const done = new AbortController()
    const until = AbortSignal.any([signal, done.signal])
    const late = async (): Promise<false> => {
      const ways = [this.#clock.sleep(PATIENCE_MS, until)]
      // Clients of another pull hear its blobs as it brings them.
      if (wanted && !turn.want) ways.push(this.#afterWanted(wanted, until))
      await Promise.race(ways)
      return false
    }
    try {
      const over = turn.over.then(() => true)
      return await unlessAborted(Promise.race([over, late()]), signal)
    } finally {
      done.abort()
    }
  }

  async #afterWanted(wanted: AbortSignal, until: AbortSignal): Promise<void> {
    if (!wanted.aborted) {
      await new Promise<void>((resolve) => {
        wanted.addEventListener('abort', () => resolve(), { once: true, signal: until })
      })
    }
    await this.#clock.sleep(CLIENT_PATIENCE_MS, until)
  }
}

function keyOf({ blob, registry, repository, alone }: WantedBlob): string {
  return alone ? `${registry} ${repository} ${blob.digest}` : `${registry} ${blob.digest}`
}
