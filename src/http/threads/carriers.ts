/** The threads of a run: started when there are several large blobs at once, ended with the program. */

import { availableParallelism } from 'node:os'
import type { Carrier, Carriers } from '../../core/carrier.ts'
import { CarrierThread } from './carrier.ts'

export interface CarriersOptions {
  /** At most; below two this thread carries everything. Default: one fewer than there are cores, up to 4, as two cores are busy with the
   *  registries' ends of the connections already. */
  readonly threads?: number
  /** Blobs of fewer bytes stay here; default 32 MiB, as less is sent before a thread has started. */
  readonly smallest?: number
  /** true: also a blob that is alone goes to a thread, and one thread is enough and the least. */
  readonly always?: boolean
  /** How long a blob that is alone waits for another, in milliseconds; default 10. */
  readonly patience?: number
}

interface Lane {
  /** Started with the first blob that is given to it. */
  thread?: CarrierThread
  blobs: number
}

const SMALLEST = 32 * 1024 * 1024
/** Each thread takes 15 MB of memory, and four carry more than 10 Gbit/s. */
const MOST = 4
/** The layers of an image begin within a few milliseconds. */
const PATIENCE_MS = 10

export function createCarriers(options: CarriersOptions = {}): Carriers & { close(): Promise<void> } {
  const {
    always = false,
    threads = Math.min(Math.max(availableParallelism() - 1, always ? 1 : 0), MOST),
    smallest = SMALLEST,
    patience = PATIENCE_MS,
  } = options
  const lanes = Array.from({ length: threads > 1 || always ? threads : 0 }, (): Lane => ({ blobs: 0 }))
  let blobs = 0
  /** Ends the wait of a blob that is alone. */
  let onSecond = (): void => {}

  async function alone(): Promise<boolean> {
    if (always) return false
    if (blobs > 1) onSecond()
    else {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patience)
        onSecond = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return blobs === 1
  }

  return {
    async share(size, work) {
      const [first, ...others] = lanes
      if (!first || size < smallest) return work(undefined)
      blobs += 1
      try {
        if (await alone()) return await work(undefined)
        const lane = others.reduce((least, other) => (other.blobs < least.blobs ? other : least), first)
        return await through(lane, work)
      } finally {
        blobs -= 1
      }
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane.thread?.close()))
    },
  }
}

async function through<T>(lane: Lane, work: (carrier?: Carrier) => Promise<T>): Promise<T> {
  lane.thread ??= new CarrierThread()
  // The blobs of a thread that broke down are carried by this thread from then on.
  if (!lane.thread.usable) return work()
  lane.blobs += 1
  try {
    return await work(lane.thread)
  } finally {
    lane.blobs -= 1
  }
}
