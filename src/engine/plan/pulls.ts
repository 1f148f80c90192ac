/** Whether a plan may read the source's manifests: one that is only shown spends no pull of an allowance such as Docker Hub's. */

import type { Context } from '../../core/context.ts'
import type { Endpoint } from '../endpoint.ts'

export interface Pulls {
  /** The registry is asked once, by a HEAD of `reference`, whether it counts pulls. */
  mayRead(repository: string, reference: string, ctx: Context): Promise<boolean>
  /** True once something was left unread. */
  readonly spared: boolean
}

export function createPulls({ adapter }: Endpoint): Pulls {
  let asked: Promise<unknown> | undefined
  let spared = false
  return {
    async mayRead(repository, reference, ctx) {
      if (!adapter.countsPulls) return true
      // What goes wrong is told where the answer is needed.
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
