/** Makes this process the one daemon of its history, and says every few seconds that it lives. */

import { LockedError, messageOf } from '../../core/errors.ts'
import type { DaemonOwner } from '../../history/history.ts'
import type { Program } from '../parts.ts'

/** Milliseconds between two signs of life. */
export const HEARTBEAT_INTERVAL = 10_000

export interface Ownership {
  /** Why the history cannot be written; undefined while it can. */
  readonly trouble: string | undefined
  /** Says that this process lives, every few seconds. Resolves once the signal is aborted; rejects with a `LockedError` where another
   *  process has become the daemon. */
  keep(signal: AbortSignal): Promise<void>
  release(): void
}

/** Throws a `LockedError` that names the other daemon. One on another machine is waited for until it lives or counts as gone. */
export async function takeOwnership(
  { history, clock }: Pick<Program, 'history' | 'clock'>,
  waiting: (text: string) => void,
  signal: AbortSignal,
): Promise<Ownership> {
  let first: DaemonOwner | undefined
  for (let taken = history.daemon.take(); taken; taken = history.daemon.take()) {
    const { owner } = taken
    if (owner.isHere || (first && owner.until !== first.until)) throw inUse(owner, history.file)
    if (!first) waiting(`waiting until ${nameOf(owner)} counts as gone: it may have been killed`)
    first ??= owner
    await clock.sleep(1000, signal)
  }
  let trouble: string | undefined
  return {
    get trouble() {
      return trouble
    },
    async keep(until) {
      while (!until.aborted) {
        await clock.sleep(HEARTBEAT_INTERVAL, until).catch(() => {})
        if (until.aborted) return
        let isMine: boolean
        try {
          isMine = history.daemon.heartbeat()
          trouble = undefined
        } catch (error) {
          trouble = messageOf(error)
          continue
        }
        if (!isMine)
          throw new LockedError('another daemon has taken over the history: this one was silent for too long')
      }
    },
    release: () => history.daemon.release(),
  }
}

function nameOf({ host, pid }: DaemonOwner): string {
  return `the daemon with process ${pid} on ${host}`
}

function inUse(owner: DaemonOwner, file: string): LockedError {
  return new LockedError(`${nameOf(owner)} works with the history ${file} already`, {
    hint: 'end it, or give this one a history of its own with --home',
  })
}
