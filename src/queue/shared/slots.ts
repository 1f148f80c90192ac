/** Slots of a run over all its workers: fair between the tasks of one worker, bounded in sum by permits. */

import type { TransferState } from '../../transfer/job.ts'
import { Slots } from '../../transfer/slots.ts'
import type { Permits } from './permits.ts'

/** The slots of one worker, for all its runs. */
export interface OwnSlots {
  /** How many blob streams at once to each destination. */
  readonly count: number
  readonly slots: TransferState['slots']
}

/** `count` blob streams at once to each destination, over all processes with this key, and no more in one of them than its own slots. Small blobs are
 *  bounded for each process only. */
export function shareSlots(permits: Permits, key: string, count: number, own: OwnSlots): TransferState['slots'] {
  const known = new Map<string, Slots>()
  // More of them would hold permits without a slot.
  const here = Math.min(count, own.count)
  return (destination, isSmall) => {
    const name = `${isSmall ? 'small' : 'large'} ${destination ?? ''}`
    const local = known.get(name) ?? new Slots(isSmall ? here * 4 : here)
    known.set(name, local)
    const slots = own.slots(destination, isSmall)
    return {
      use: (owner, signal, work, urgent) =>
        local.use(
          owner,
          signal,
          async () => {
            if (isSmall || urgent?.aborted) return slots.use(owner, signal, work, urgent)
            const permit = await permits.take(`${key} ${destination ?? ''}`, count, signal)
            try {
              return await slots.use(owner, signal, work, urgent)
            } finally {
              permit.release()
            }
          },
          urgent,
        ),
    }
  }
}
