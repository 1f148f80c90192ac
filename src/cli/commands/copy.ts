/** `replicate copy`: a policy of one use, made of two references. */

import { ConfigurationError } from '../../core/errors.ts'
import { executePolicies } from '../execute.ts'
import type { RunFlags } from '../options.ts'
import type { Session } from '../session.ts'
import { showPlans } from './plan.ts'

export interface CopyFlags extends Omit<RunFlags, 'referrers'> {
  readonly platform?: readonly string[]
  /** False with `--no-referrers`. */
  readonly referrers?: 'all' | 'changed' | false
  readonly override: boolean
}

export async function copy(session: Session, source: string, destination: string, given: CopyFlags): Promise<number> {
  const { referrers, ...flags } = given
  if (source === '' || destination === '') throw new ConfigurationError('source and destination must not be empty')
  const app = await session.app()
  const configuration = await app.configuration([])
  const policy = await session.parts.copyPolicy(
    {
      source,
      destination,
      referrers: referrers !== false,
      override: flags.override,
      ...(flags.platform === undefined ? {} : { platforms: flags.platform }),
    },
    configuration,
  )
  const selection = { configuration, policies: [policy] }
  const running: RunFlags = referrers ? { ...flags, referrers } : flags
  return running.dryRun
    ? showPlans(session, app, selection, running)
    : executePolicies(session, app, selection, running)
}
