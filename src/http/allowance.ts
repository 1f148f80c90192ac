/** A registry's allowance of pulls (`ratelimit-remaining`): watched on every answer, and not used up below a reserve.
 *
 *  Docker Hub counts each GET of a manifest and no HEAD: https://docs.docker.com/docker-hub/usage/pulls/ */

import type { Clock } from '../core/cancel.ts'
import type { Context } from '../core/context.ts'
import { RegistryError } from '../core/errors.ts'
import { LONGEST_PAUSE } from '../core/retry.ts'

export interface Allowance {
  /** Takes one pull; waits while only the reserve is left. `look` asks the registry again without spending a pull. */
  take(look: () => Promise<void>, ctx: Context): Promise<void>
  /** Reads the headers of an answer. `spent`: the answer is to a pull that was taken. */
  note(headers: Readonly<Record<string, string>>, spent: boolean): void
  /** Undefined until an answer has told it. */
  left(): number | undefined
}

export interface AllowanceOptions {
  readonly host: string
  /** Pulls that are left to others; default 0. */
  readonly reserve?: number | undefined
  /** What to do when only the reserve is left; default `wait`. */
  readonly exhausted?: 'wait' | 'fail' | undefined
  readonly clock: Clock
}

/** Of seconds in a header, a day at most: no allowance has a longer window. Undefined for what is not a sensible number of them. */
function milliseconds(seconds: string | undefined): number | undefined {
  const value = Number(seconds) * 1000
  return value >= 0 ? Math.min(value, LONGEST_PAUSE) : undefined
}

/** How often the registry is asked for the allowance while nothing is left of it, in milliseconds. */
const LOOK_EVERY = 5 * 60_000

export function createAllowance(options: AllowanceOptions): Allowance {
  const { host, reserve = 0, exhausted = 'wait', clock } = options
  let remaining = Number.POSITIVE_INFINITY
  let window = 0
  /** When the allowance has grown again, by the last answer that told of it. */
  let until = 0
  /** Pulls that were taken and not answered yet, which the last header did not count. */
  let open = 0
  let looking: Promise<void> | undefined
  /** A pull was answered, or a header has said what is left. */
  let known = reserve === 0
  let first: PromiseWithResolvers<void> | undefined

  /** The next one that waits looks itself where nothing was learned. */
  function learned(): void {
    first?.resolve()
    first = undefined
  }

  const isSpent = (): boolean => remaining - open <= reserve

  async function wait(look: () => Promise<void>, ctx: Context): Promise<void> {
    const reason = `${host} has ${remaining} pulls left, ${reserve} are kept in reserve`
    if (exhausted === 'fail') {
      const hint = 'the allowance grows again with time; log in for a larger one, or set limits.rate_limit: wait'
      throw new RegistryError(reason, { status: 403, method: 'GET', path: '/v2/', codes: ['TOOMANYREQUESTS'], hint })
    }
    ctx.emit({ type: 'waiting', reason, until: new Date(until).toISOString() })
    await clock.sleep(Math.min(LOOK_EVERY, Math.max(1000, until - clock.now())), ctx.signal)
    await look()
    // What was told is over, and a HEAD tells nothing new: a single pull will.
    if (isSpent() && clock.now() >= until) remaining = reserve + open + 1
  }

  return {
    async take(look, ctx) {
      // What is left is found out by a HEAD, which costs nothing, or else by a single pull that the others wait for.
      while (!known && first) await first.promise
      if (!known) {
        first = Promise.withResolvers()
        try {
          await look()
        } catch (error) {
          learned()
          throw error
        }
        if (remaining !== Number.POSITIVE_INFINITY) learned()
      }
      while (isSpent()) {
        // Answers that are under way may change what is left.
        looking ??= wait(look, ctx).finally(() => {
          looking = undefined
        })
        await looking
      }
      open += 1
    },
    left: () => (remaining === Number.POSITIVE_INFINITY ? undefined : remaining),
    note(headers, spent) {
      if (spent) {
        open -= 1
        known = true
        learned()
      }
      const left = /^\s*(\d+)\s*(?:;.*?\bw=(\d+))?/.exec(headers['ratelimit-remaining'] ?? '')
      if (!left) return
      remaining = Number(left[1])
      known = true
      if (left[2] !== undefined) window = milliseconds(left[2]) ?? 0
      until = clock.now() + (milliseconds(headers['ratelimit-reset']) || window || LOOK_EVERY)
    },
  }
}
