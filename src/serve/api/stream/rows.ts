/** Answers that are sent line by line while they are found, each line a JSON object: a few at once, each for a bounded time, and none for a
 *  client that has left. */

import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { type Clock, throwIfAborted } from '../../../core/cancel.ts'
import { CancelledError, describeError, ReplicateError } from '../../../core/errors.ts'
import { hintOverHttp } from '../hints.ts'
import { ApiError } from '../problem.ts'

export const ROWS_TYPE = 'application/x-ndjson'

export interface Looking {
  readonly signal: AbortSignal
  /** The time for a look is over: what was found so far is all that is shown. */
  isOver(): boolean
}

export interface RowStreams {
  /** Throws what `find` throws before its first row; what it throws later is the last line. */
  send<T>(reply: FastifyReply, find: (looking: Looking) => AsyncGenerator<T>): Promise<FastifyReply>
  /** The same for an answer that is sent whole. */
  once<T>(reply: FastifyReply, find: (looking: Looking) => Promise<T>): Promise<T>
}

export interface RowStreamsOptions {
  readonly clock: Clock
  /** Aborted when the daemon ends. */
  readonly signal: AbortSignal
  readonly redact: (text: string) => string
  /** Told of what is a fault of this program. */
  readonly failed: (text: string) => void
}

/** Looks at once. */
const AT_ONCE = 4
/** Milliseconds for one. */
const LONGEST = 2 * 60 * 1000
/** Milliseconds that a client then has to read what was found. */
const GRACE = 30 * 1000
/** Why it is not all. */
export const TIME_OVER = 'the time for a look is over'

export function createRowStreams({ clock, signal, redact, failed }: RowStreamsOptions): RowStreams {
  let open = 0

  /** `late` is called where the client does not take what was found. */
  function begin(reply: FastifyReply, late: () => void): Looking & { end(): void } {
    if (open >= AT_ONCE) {
      const message = `${AT_ONCE} clients are looking at registries, which is the most at once`
      throw new ApiError(503, 'busy', message, { headers: { 'retry-after': '2' }, hint: 'try again in a moment' })
    }
    open += 1
    const ending = new AbortController()
    const over = new CancelledError(TIME_OVER, 1)
    const left = (): void => ending.abort(new CancelledError('the client has left', 1))
    reply.raw.once('close', left)
    const timing = new AbortController()
    const limit = async (): Promise<void> => {
      await clock.sleep(LONGEST, timing.signal)
      ending.abort(over)
      await clock.sleep(GRACE, timing.signal)
      late()
    }
    // Rejects when it ends in time.
    limit().catch(() => {})
    let ended = false
    return {
      signal: AbortSignal.any([ending.signal, signal]),
      isOver: () => ending.signal.reason === over,
      end() {
        if (ended) return
        ended = true
        open -= 1
        reply.raw.off('close', left)
        timing.abort()
        ending.abort()
      },
    }
  }

  async function* lines<T>(first: IteratorResult<T>, rows: AsyncGenerator<T>, end: () => void): AsyncGenerator<string> {
    try {
      for (let next = first; !next.done; next = await rows.next()) yield `${JSON.stringify(next.value)}\n`
    } catch (error) {
      if (!(error instanceof ReplicateError)) failed(`a look: ${describeError(error)}`)
      yield `${redact(JSON.stringify(lastWords(error)))}\n`
    } finally {
      await rows.return(undefined)
      end()
    }
  }

  return {
    async send(reply, find) {
      let body: Readable | undefined
      const looking = begin(reply, () => void body?.destroy())
      const rows = find(looking)
      try {
        const first = await rows.next()
        throwIfAborted(looking.signal)
        body = Readable.from(lines(first, rows, looking.end), { highWaterMark: 1 })
        // One that is closed before it is read has not begun.
        body.once('close', () => {
          rows.return(undefined).then(looking.end, looking.end)
        })
        return reply.type(ROWS_TYPE).send(body)
      } catch (error) {
        await rows.return(undefined)
        looking.end()
        throw error
      }
    },
    async once(reply, find) {
      const looking = begin(reply, () => {})
      try {
        return await find(looking)
      } finally {
        looking.end()
      }
    },
  }
}

function lastWords(error: unknown): object {
  const known = error instanceof ReplicateError
  return {
    type: 'error',
    code: known ? error.code : 'bug',
    message: known ? describeError(error) : 'this failed; the log of the daemon says why',
    hint: (known ? hintOverHttp(error.hint) : undefined) ?? null,
  }
}
