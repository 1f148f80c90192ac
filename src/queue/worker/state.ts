/** What a worker's tasks of one run share: the place where what is shared with other workers comes in. */

import type { Clock } from '../../core/cancel.ts'
import type { Carriers } from '../../core/carrier.ts'
import { createTransferState, type TransferState } from '../../transfer/job.ts'
import { streamRetry } from '../../transfer/resumable.ts'
import { createThrottle, type Throttle } from '../../transfer/throttle.ts'
import type { RunRecord } from '../protocol.ts'

export interface StateTools {
  /** Of the whole worker. */
  readonly slots: TransferState['slots']
  readonly carriers?: Carriers | undefined
  readonly clock: Clock
  readonly patience?: number | undefined
}

/** `current` is the run's record as it was last read. */
export function stateOf(current: () => RunRecord, { slots, carriers, clock, patience }: StateTools): TransferState {
  const { bandwidth } = current()
  return createTransferState({
    slots,
    throttles: bandwidth === undefined ? [] : [evenly(bandwidth, () => current().workers, clock)],
    carriers,
    mayRetry: (context) => streamRetry(clock, context),
    patience,
  })
}

/** Each worker has the same part of the run's bandwidth. */
function evenly(bandwidth: number, workers: () => number, clock: Clock): Throttle {
  let parts = 0
  let throttle = createThrottle(bandwidth, clock)
  return {
    take(bytes, signal) {
      const now = Math.max(1, workers())
      if (now !== parts) throttle = createThrottle(bandwidth / now, clock)
      parts = now
      return throttle.take(bytes, signal)
    },
  }
}
