/** A blob read to its end, reopened at the current offset when the source breaks off. */

import type { Clock } from '../core/cancel.ts'
import { withPass } from '../core/carrier.ts'
import type { Bytes, OpenBlob } from '../core/content.ts'
import type { Context } from '../core/context.ts'
import { messageOf, NetworkError, PausedError, RegistryError } from '../core/errors.ts'
import { isPassing, isSilentAgain } from '../core/retry.ts'

/** Decides whether to try again, and waits before that. `attempt` counts from 1, and from 1 again after each byte that was read. */
export type MayRetry = (error: unknown, attempt: number) => Promise<boolean>

/**
 * Yields the bytes from `start` up to `size`. Bytes beyond that are passed on, for the check to refuse. The client has repeated a request
 * that failed; only a stream that breaks off is opened again here, or a silent source would be waited for many times over. One that was let
 * go in a pause is opened again once `resumed` says so, which does not count as an attempt.
 */
export function resumable(
  open: OpenBlob,
  start: number,
  size: number,
  mayRetry: MayRetry,
  resumed: () => Promise<void> = async () => {},
): Bytes {
  let offset = start
  let attempt = 0
  let bytes: Bytes | undefined
  const advance = (count: number): void => {
    offset += count
    attempt = 0
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      try {
        bytes = await opened(open, offset, start)
      } catch (error) {
        if (!(error instanceof PausedError)) throw error
        await resumed()
        continue
      }
      if (!bytes) return
      try {
        for await (const chunk of bytes) {
          advance(chunk.byteLength)
          yield chunk
        }
        if (offset < size) throw new NetworkError(`stream ended at ${offset} of ${size} bytes`)
        return
      } catch (error) {
        // What the consumer throws into the generator does not come here: only the source's own errors do.
        if (error instanceof PausedError) {
          await resumed()
          continue
        }
        attempt += 1
        if (!isPassing(error) || !(await mayRetry(error, attempt))) throw error
      }
    }
  }

  return withPass(chunks(), async (order) => {
    const passed = (await bytes?.pass?.(order)) ?? 0
    if (passed > 0) advance(passed)
    return passed
  })
}

/** Undefined where the source has no more: its blob is shorter than the descriptor says, which the check will tell. */
async function opened(open: OpenBlob, offset: number, start: number): Promise<Bytes | undefined> {
  try {
    return await open(offset)
  } catch (error) {
    if (offset > start && error instanceof RegistryError && error.status === 416) return undefined
    throw error
  }
}

/** Attempts to read on without a byte in between, and the pause before the first of them; each further one is twice as long. */
const ATTEMPTS = 5
const PAUSE_MS = 200

/** The usual rule, which tells of each attempt. */
export function streamRetry(clock: Clock, { signal, emit }: Context): MayRetry {
  return async (error, attempt) => {
    if (attempt >= ATTEMPTS || isSilentAgain(error, attempt) || signal.aborted) return false
    const delay = PAUSE_MS * 2 ** (attempt - 1)
    emit({ type: 'retry', what: 'reading a blob', attempt, delay, reason: messageOf(error) })
    await clock.sleep(delay, signal)
    return true
  }
}
