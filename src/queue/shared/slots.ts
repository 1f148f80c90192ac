/** Slots of a run over all its workers: fair between the tasks of one worker, bounded in sum by permits. */

import type { TransferState } from '../../transfer/job.ts'
import { Slots } from '../../transfer/slots.ts'
import type { Permits } from './permits.ts'

/** `count` blob streams at once to each destination, over all processes with this key. Small blobs are bounded for each process only. */
export function shareSlots(permits: Permits, key: string, count: number): TransferState['slots'] {
  const known = new Map<string, Slots>()
  return (destination, isSmall) => {
    const name = `${isSmall ? 'small' : 'large'} ${destination ?? ''}`
    const local = known.get(name) ?? new Slots(isSmall ? count * 4 : count)
    known.set(name, local)
    if (isSmall) return local
    return {
      use: (owner, signal, work, urgent) =>
        local.use(
          owner,
          signal,
          async () => {
            if (urgent?.aborted) return work()
            const permit = await permits.take(`${key} ${destination ?? ''}`, count, signal)
            try {
              return await work()
            } finally {
              permit.release()
            }
          },
          urgent,
        ),
    }
  }
}
