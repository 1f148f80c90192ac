/** Adds up what a plan would write, and says where that is more than a quota of the destination has left. */

import type { Context } from '../../core/context.ts'
import { formatBytes } from '../../core/size.ts'
import type { Endpoint } from '../endpoint.ts'

export interface QuotaWatch {
  /** `bytes` that are to be written into a repository. */
  note(repository: string, bytes: number): void
  warnings(ctx: Context): Promise<readonly string[]>
}

export function createQuotaWatch(destination: Endpoint): QuotaWatch {
  const planned = new Map<string, number>()
  return {
    note(repository, bytes) {
      if (bytes > 0) planned.set(repository, (planned.get(repository) ?? 0) + bytes)
    },
    async warnings(ctx) {
      const { writeRules } = destination.adapter
      if (!writeRules) return []
      const quotas = new Map<string, { planned: number; left: number }>()
      for (const [repository, bytes] of planned) {
        const { quota } = await writeRules(repository, ctx)
        if (quota) {
          quotas.set(quota.name, { planned: bytes + (quotas.get(quota.name)?.planned ?? 0), left: quota.bytesLeft })
        }
      }
      return [...quotas]
        .filter(([, { planned, left }]) => planned > left)
        .map(
          ([name, { planned, left }]) =>
            `${name} at ${destination.registry.name} has room for ${formatBytes(left)}, the plan copies ${formatBytes(planned)}`,
        )
    },
  }
}
