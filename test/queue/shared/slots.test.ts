import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createSlots, type TransferState } from '../../../src/transfer/job.ts'
import { hasRedis } from '../../support/redis.ts'
import { realSharing } from './setup.ts'

const never = new AbortController().signal

describe.skipIf(!hasRedis())('blob streams of a run over several workers', () => {
  const real = realSharing()

  /** A worker with so many slots of its own: those of its runs. */
  function worker(count: number): (run: string, streams: number) => TransferState['slots'] {
    const sharing = real.sharing()
    const own = { count, slots: createSlots(count) }
    return (run, streams) => sharing.slots(run, streams, own)
  }

  /** Twenty streams through these slots. The result is how many there were at once, at the most. */
  async function mostAtOnce(slots: readonly TransferState['slots'][], seen: () => Promise<void>): Promise<number> {
    let now = 0
    let most = 0
    const one = async (_: unknown, at: number): Promise<void> => {
      await slots[at % slots.length]?.('dst', false).use({}, never, async () => {
        now += 1
        most = Math.max(most, now)
        await seen()
        await setImmediate()
        now -= 1
      })
    }
    await Promise.all(Array.from({ length: 20 }, one))
    return most
  }

  test('are no more than the run is told, over all of them', async () => {
    const [one, two] = [worker(8), worker(8)]
    const most = await mostAtOnce([one('a', 3), two('a', 3)], async () => {
      expect(await real.client.zcard('test:slots:a dst')).toBeLessThanOrEqual(3)
    })
    expect(most).toBeLessThanOrEqual(3)
  })

  test('are no more in one of them than it says, over all its runs, and it keeps no permits for those that wait', async () => {
    const one = worker(2)
    const most = await mostAtOnce([one('b', 16), one('c', 16)], async () => {
      for (const run of ['b', 'c']) expect(await real.client.zcard(`test:slots:${run} dst`)).toBeLessThanOrEqual(2)
    })
    expect(most).toBe(2)
  })
})
