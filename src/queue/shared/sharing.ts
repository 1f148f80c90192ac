/** What the processes of one installation share through its server: budgets, leases of blobs, upload sessions. Who made it closes it. */

import type { Redis } from 'ioredis'
import type { Checkpoint } from '../../core/content.ts'
import type { Others } from '../../core/others.ts'
import type { TransferState } from '../../transfer/job.ts'
import type { Throttle } from '../../transfer/throttle.ts'
import { shareBlobs } from './blobs.ts'
import { createSharedThrottle } from './budget.ts'
import { type SharedConnections, shareConnections } from './connections.ts'
import { createPermits, type PermitOptions } from './permits.ts'
import { sharedCheckpoint } from './sessions.ts'
import { type OwnSlots, shareSlots } from './slots.ts'

export interface Sharing {
  /** A rate over all processes, in units a second. `name` says of what. */
  throttle(name: string, rate: number): Throttle
  connections(name: string, count: number): SharedConnections
  /** `run` names one run among all that use the server. */
  slots(run: string, count: number, own: OwnSlots): TransferState['slots']
  blobs(run: string): Others
  /** Of a registry by its URL. */
  checkpoint(registry: string, repository: string, digest: string): Checkpoint
  close(): void
}

/** `prefix` is before the name of every key. */
export function createSharing(redis: Redis, prefix: string, options: PermitOptions = {}): Sharing {
  const permits = createPermits(redis, options)
  return {
    throttle: (name, rate) => createSharedThrottle(redis, `${prefix}:rate:${name}`, rate, options.clock),
    connections: (name, count) => shareConnections(permits, `${prefix}:connections:${name}`, count, options.clock),
    slots: (run, count, own) => shareSlots(permits, `${prefix}:slots:${run}`, count, own),
    blobs: (run) => shareBlobs(redis, permits, prefix, run),
    checkpoint: (...upload) => sharedCheckpoint(redis, prefix, upload),
    close: () => permits.close(),
  }
}
