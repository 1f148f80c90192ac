/** What a worker's tasks of one run share: with each other, and by leases with the other workers of the run. */

import type { Clock } from '../../core/cancel.ts'
import type { Carriers } from '../../core/carrier.ts'
import { createTransferState, type TransferState } from '../../transfer/job.ts'
import { streamRetry } from '../../transfer/resumable.ts'
import type { Throttle } from '../../transfer/throttle.ts'
import type { ExecutionRecord } from '../protocol.ts'
import type { Sharing } from '../shared/sharing.ts'
import type { OwnSlots } from '../shared/slots.ts'

export interface StateTools {
  /** Of the whole worker. */
  readonly own: OwnSlots
  /** What its own line may carry. */
  readonly throttles: readonly Throttle[]
  readonly carriers?: Carriers | undefined
  readonly clock: Clock
  readonly patience?: number | undefined
}

export function stateOf(run: ExecutionRecord, sharing: Sharing, tools: StateTools): TransferState {
  const { id, bandwidth, concurrency, registries } = run
  const { own, throttles, carriers, clock, patience } = tools
  const urls = new Map(registries.map(({ name, url }) => [name, url]))
  return createTransferState({
    slots: concurrency === undefined ? own.slots : sharing.slots(id, concurrency, own),
    throttles: bandwidth === undefined ? throttles : [...throttles, sharing.throttle(id, bandwidth)],
    others: sharing.blobs(id),
    carriers,
    mayRetry: (context) => streamRetry(clock, context),
    checkpoint(registry, repository, digest) {
      const url = urls.get(registry)
      return url === undefined ? undefined : sharing.checkpoint(url, repository, digest)
    },
    patience,
  })
}
