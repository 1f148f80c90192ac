/** What a coordinator writes of its run for workers to read: what they must have, and whether tasks go on. */

import type { Context } from '../../core/context.ts'
import { messageOf } from '../../core/errors.ts'
import type { Policy } from '../../core/policy.ts'
import type { Registry } from '../../core/registry.ts'
import { withoutUserinfo } from '../../core/secret.ts'
import type { ElsewhereRun } from '../../engine/run/elsewhere.ts'
import type { ReadingElsewhere } from '../../engine/verify/reading.ts'
import {
  type ExecutionRecord,
  FORMAT,
  type RunRecord,
  type SharedRegistry,
  type VerificationRecord,
} from '../protocol.ts'

export interface Surroundings {
  /** Of this program. */
  readonly version: string
  readonly host: string
  /** Whether this process has a credential for the registry. */
  readonly hasCredential: (registry: Registry) => Promise<boolean>
  /** Whether each request of workers is told. */
  readonly requests: boolean
}

type Changing = 'state' | 'reason' | 'workers'

/** What a record says of its own kind of run, beside what all records have. */
export type Own = Of<ExecutionRecord> | Of<VerificationRecord>
type Of<R extends RunRecord> = Omit<R, Changing | 'format' | 'version' | 'id' | 'host' | 'registries' | 'requests'>

/** What of the record stays the same. */
export type Fixed = Omit<ExecutionRecord, Changing> | Omit<VerificationRecord, Changing>

/** `sides` are the registries that workers need. */
export async function fixedRecord(
  id: string,
  own: Own,
  sides: readonly Registry[],
  about: Surroundings,
): Promise<Fixed> {
  const once = [...new Map(sides.map((registry) => [registry.name, registry])).values()]
  return {
    format: FORMAT,
    version: about.version,
    id,
    host: about.host,
    registries: await Promise.all(once.map((registry) => shared(registry, about))),
    ...(about.requests ? { requests: true } : {}),
    ...own,
  }
}

export function ofExecution({ execution, policy, thorough = false, concurrency, bandwidth }: ElsewhereRun): Own {
  return {
    kind: 'execution',
    execution,
    policy: withoutCalls(policy),
    thorough,
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(bandwidth === undefined ? {} : { bandwidth }),
  }
}

/** Handlers and notifications are this process's; files of values are of this machine, and only a plan reads them. */
function withoutCalls({ prepare: _, notify: __, values: ___, ...policy }: Policy): Policy {
  return policy
}

export function ofVerification({ name, side }: ReadingElsewhere): Own {
  return { kind: 'verification', of: name, ...(side === undefined ? {} : { side }) }
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
