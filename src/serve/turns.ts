/** Blobs that several runs bring to one registry: one brings each, the others wait, and find it there or mount it. */

import type { Audience } from '../core/audience.ts'
import type { Clock } from '../core/cancel.ts'
import type { Digest } from '../core/descriptor.ts'
import { unlessAborted } from './gateway/pull/waiting.ts'

/** A pull that wants a turn, and what it hears of the clients that wait. */
export interface PullTurn {
  /** Aborted once a client of the pull waits for the blob. */
  readonly wanted: AbortSignal
  /** Called where a client of another pull waits for the blob. */
  readonly want: (digest: Digest) => void
}

interface Turn {
  /** Absent: of a run that no client hears. */
  readonly want: PullTurn['want'] | undefined
  readonly over: Promise<void>
  /** Where it is, once it is. */
  home?: string
}

/** How long a run waits for another one, which may be paused or slow on purpose, in milliseconds; and where a client waits for it that hears
 *  nothing of that other run. Then the blob is brought twice. */
const PATIENCE_MS = 5 * 60_000
const CLIENT_PATIENCE_MS = 10_000

/** Shared by all runs of the daemon. */
export class Turns {
  readonly #clock: Pick<Clock, 'sleep'>
  /** By registry and digest: those that are being brought. */
  readonly #turns = new Map<string, Turn>()

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = clock
  }

  /** As `Audience.alone`. `pull` is absent for a run that no client hears. */
  async take(
    [blob, { registry, repository }, ctx, waiting, bring]: Parameters<Audience['alone']>,
    pull?: PullTurn,
  ): Promise<void> {
    const key = `${registry} ${blob.digest}`
    let before: Turn | undefined
    for (let turn = this.#turns.get(key); turn; turn = this.#turns.get(key)) {
      before = turn
      waiting()
      const { want: pass } = turn
      const onWanted = (): void => pass?.(blob.digest)
      if (pull?.wanted.aborted) onWanted()
      else pull?.wanted.addEventListener('abort', onWanted, { once: true })
      const isOver = await this.#end(turn, pull, ctx.signal).finally(() =>
        pull?.wanted.removeEventListener('abort', onWanted),
      )
      if (!isOver) break
    }
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const mine: Turn = { want: pull?.want, over }
    this.#turns.set(key, mine)
    try {
      await bring(ctx, { waited: before !== undefined, ...(before?.home === undefined ? {} : { home: before.home }) })
      mine.home = repository
    } finally {
      if (this.#turns.get(key) === mine) this.#turns.delete(key)
      resolve()
    }
  }

  /** Waits for the end of the turn. False: it has lasted too long. */
  async #end(turn: Turn, pull: PullTurn | undefined, signal: AbortSignal): Promise<boolean> {
    const done = new AbortController()
    const until = AbortSignal.any([signal, done.signal])
    const late = async (): Promise<false> => {
      const ways = [this.#clock.sleep(PATIENCE_MS, until)]
      // Clients of another pull hear its blobs as it brings them.
      if (pull && !turn.want) ways.push(this.#afterWanted(pull.wanted, until))
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
