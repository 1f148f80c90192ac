/** What a coordinator writes of its run for workers to read: what they must have, and whether tasks go on. */

import type { Context } from '../../core/context.ts'
import { messageOf } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import type { Registry } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import type { ElsewhereRun } from '../../engine/run/elsewhere.ts'
import { FORMAT, type RunRecord, type SharedRegistry } from '../protocol.ts'

export interface Surroundings {
  /** Of this program. */
  readonly version: string
  readonly host: string
  /** Whether this process has a credential for the registry. */
  readonly hasCredential: (registry: Registry) => Promise<boolean>
  /** Whether each request of workers is told. */
  readonly requests: boolean
}

/** What of the record stays the same. */
export type Fixed = Omit<RunRecord, 'state' | 'reason' | 'workers'>

export async function fixedRecord(id: string, run: ElsewhereRun, about: Surroundings): Promise<Fixed> {
  const { execution, policy, source, destinations, thorough = false, concurrency, bandwidth } = run
  const sides = [...new Map([source, ...destinations].map((registry) => [registry.name, registry])).values()]
  return {
    format: FORMAT,
    version: about.version,
    id,
    execution,
    host: about.host,
    policy: withoutCalls(policy),
    registries: await Promise.all(sides.map((registry) => shared(registry, about))),
    thorough,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(about.requests ? { requests: true } : {}),
  }
}

/** Handlers and notifications are this process's; files of values are of this machine, and only a plan reads them. */
function withoutCalls({ prepare: _, notify: __, values: ___, ...policy }: Policy): Policy {
  return policy
}

async function shared(registry: Registry, { hasCredential }: Surroundings): Promise<SharedRegistry> {
  const { name, type, url } = registry
  // One that cannot be looked up is told by the task that needs it.
  const credential = url !== undefined && (await hasCredential(registry).catch(() => false))
  return { name, type, credential, ...(url === undefined ? {} : { url: withoutUserinfo(url, '') }) }
}

/** How things stand now. */
export function currentRecord(fixed: Fixed, workers: number, { signal, gate }: Context): RunRecord {
  if (signal.aborted) return { ...fixed, workers, state: 'stopped', reason: messageOf(signal.reason) }
  return { ...fixed, workers, state: gate?.closed ? 'paused' : 'running' }
}
