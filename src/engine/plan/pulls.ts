/** Keeps a plan that is only shown from spending pulls of an allowance such as Docker Hub's. */

import type { Context } from '../../core/context.ts'
import type { Endpoint } from '../endpoint.ts'

export interface Pulls {
  /** False if the registry counts pulls, which one HEAD of `reference` shows. */
  mayRead(repository: string, reference: string, ctx: Context): Promise<boolean>
  /** True once `mayRead` has returned false. */
  readonly spared: boolean
}

export function createPulls({ adapter }: Endpoint): Pulls {
  let asked: Promise<unknown> | undefined
  let spared = false
  return {
    async mayRead(repository, reference, ctx) {
      if (!adapter.countsPulls) return true
      // A failure shows again in the request that needs the answer.
      asked ??= adapter
        .repository(repository)
        .resolve(reference, ctx)
        .catch(() => {})
      await asked
      const counts = adapter.countsPulls()
      spared ||= counts
      return !counts
    },
    get spared() {
      return spared
    },
  }
}
