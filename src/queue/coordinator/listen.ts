/** Reads what workers tell of the tasks of a run, as it is told. */

import type { Redis } from 'ioredis'
import { type Batch, batch, readAs } from '../protocol.ts'

/** Entries read at once, and how long a look waits for one, in milliseconds. */
const AT_ONCE = 500
const WAIT = 2000
const PAUSE = 500

/** `client` is for this alone: it blocks. */
export function listenToTold(client: Redis, stream: string, hear: (batch: Batch) => void): { end(): void } {
  let over = false
  let last = '0-0'

  async function listen(): Promise<void> {
    while (!over) {
      try {
        const found = await client.xread('COUNT', AT_ONCE, 'BLOCK', WAIT, 'STREAMS', stream, last)
        for (const [, entries] of entriesOf(found)) {
          for (const [id, fields] of entries) {
            last = id
            const told = readAs(batch, fields[1])
            if (told) hear(told)
          }
          // What has been heard need not take room there.
          await client.xtrim(stream, 'MINID', last)
        }
      } catch {
        // The server is away: what it has kept is read once it is back.
        if (!over) await new Promise((resolve) => setTimeout(resolve, PAUSE))
      }
    }
  }

  void listen()
  return {
    end() {
      over = true
      client.disconnect()
    },
  }
}

type Entries = readonly [stream: string, entries: readonly [id: string, fields: readonly string[]][]][]

/** By RESP3 the streams are keys of a map. */
function entriesOf(found: unknown): Entries {
  if (!found) return []
  return (Array.isArray(found) ? found : Object.entries(found)) as Entries
}
