/** How much memory is in use, for tests of what stays. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Bytes in use after everything that can be collected was. */
export async function heap(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect: (how: object) => void = runInNewContext('gc')
  for (let turn = 0; turn < 5; turn += 1) {
    // Compiled code that may be dropped goes, too.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    // What waits to be finalized has its turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}
