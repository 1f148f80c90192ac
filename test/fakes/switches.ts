/** What every fake can be told while it runs: to fail the next requests. */

import type { AdapterUnderTest } from '../contract/adapter/specimen.ts'
import type { Fault, LoggedRequest } from '../support/memory-registry.ts'

type Asked = Pick<LoggedRequest, 'method' | 'path'>
type Answered = Extract<Fault, { readonly status: number }>

export interface Switches extends Required<Pick<AdapterUnderTest, 'fault'>> {
  /** For the `fault` option of the registry in memory. */
  faultOf(request: Asked): Fault | undefined
  /** For a server of one's own, which can only answer. */
  answerOf(request: Asked): Answered | undefined
}

export function createSwitches(): Switches {
  let faults: { readonly match: RegExp; readonly fault: Fault; left: number }[] = []
  const next = ({ method, path }: Asked, may: (fault: Fault) => boolean = () => true): Fault | undefined => {
    const found = faults.find(({ match, left, fault }) => left > 0 && match.test(`${method} ${path}`) && may(fault))
    if (found) found.left -= 1
    return found?.fault
  }
  return {
    fault(match, fault, times = 1) {
      if (times === 0) faults = []
      else faults.push({ match, fault, left: times })
    },
    faultOf: (request) => next(request),
    answerOf(request) {
      const fault = next(request, (one) => 'status' in one)
      return fault && 'status' in fault ? fault : undefined
    },
  }
}
