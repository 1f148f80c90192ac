/** `replicate copy`: a policy of one use, made of two references. */

import { ConfigurationError } from '../../core/errors.ts'
import { executePolicies } from '../execute.ts'
import type { RunFlags } from '../options.ts'
import type { Session } from '../session.ts'
import { showPlans } from './plan.ts'

export interface CopyFlags extends RunFlags {
  readonly platform?: readonly string[]
  readonly referrers: boolean
  readonly override: boolean
}

export async function copy(session: Session, source: string, destination: string, flags: CopyFlags): Promise<number> {
  if (source === '' || destination === '') throw new ConfigurationError('source and destination must not be empty')
  const app = await session.app()
  const configuration = await app.configuration([])
  const policy = await session.parts.copyPolicy(
    {
      source,
      destination,
      referrers: flags.referrers,
      override: flags.override,
      ...(flags.platform === undefined ? {} : { platforms: flags.platform }),
    },
    configuration,
  )
  const selection = { configuration, policies: [policy] }
  return flags.dryRun ? showPlans(session, app, selection, flags) : executePolicies(session, app, selection, flags)
}
