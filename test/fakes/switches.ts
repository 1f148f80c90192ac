/** What every fake can be told while it runs: to answer the next requests otherwise. */

import type { AdapterUnderTest, FakeAnswer } from '../contract/adapter.ts'
import type { Fault, LoggedRequest } from '../support/memory-registry.ts'

export interface Switches extends Required<Pick<AdapterUnderTest, 'fault'>> {
  /** For the `fault` option of the registry in memory, or to be asked by a server of one's own. */
  faultOf(request: Pick<LoggedRequest, 'method' | 'path'>): (Fault & FakeAnswer) | undefined
}

export function createSwitches(): Switches {
  let faults: { readonly match: RegExp; readonly answer: FakeAnswer; left: number }[] = []
  return {
    fault(match, answer, times = 1) {
      // None at all ends those that are left.
      if (times === 0) faults = []
      else faults.push({ match, answer, left: times })
    },
    faultOf({ method, path }) {
      const next = faults.find(({ match, left }) => left > 0 && match.test(`${method} ${path}`))
      if (!next) return undefined
      next.left -= 1
      return next.answer
    },
  }
}
