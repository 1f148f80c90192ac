/** `replicate run`: policies once, one after another. */

import { ConfigurationError } from '../../core/errors.ts'
import { executePolicies } from '../execute.ts'
import type { RunFlags } from '../options.ts'
import type { PlanFile } from '../saved-plan.ts'
import { selectPolicies } from '../selection.ts'
import type { Session } from '../session.ts'
import { showPlans } from './plan.ts'

export async function run(session: Session, targets: readonly string[], flags: RunFlags): Promise<number> {
  const app = await session.app()
  const { plan: file, ...others } = flags
  if (flags.dryRun && flags.metrics !== undefined) {
    throw new ConfigurationError('--dry-run runs nothing that --metrics could tell of')
  }
  if (file === undefined) {
    const selection = await selectPolicies(app, session.cwd, targets, flags.policy, flags)
    if (flags.dryRun) return showPlans(session, app, selection, others)
    return executePolicies(session, app, selection, others)
  }
  if (flags.dryRun || flags.filter || flags.shard) {
    throw new ConfigurationError('--plan says already what is done: --dry-run, --filter and --shard do not go with it')
  }
  const { readPlanFile } = await import('../saved-plan.ts')
  const plan = readPlanFile(session, file)
  const names = flags.policy ?? plan.policies.map(({ policy }) => policy)
  refuseUnplanned(plan, names, file)
  const selection = await selectPolicies(app, session.cwd, targets.length > 0 ? targets : plan.targets, names, flags)
  const planned = selection.policies.filter(({ name }) => names.includes(name))
  return executePolicies(session, app, { ...selection, policies: planned }, others, { plan })
}

function refuseUnplanned(plan: PlanFile, names: readonly string[], file: string): void {
  const missing = names.filter((name) => !plan.policies.some(({ policy }) => policy === name))
  if (missing.length > 0) throw new ConfigurationError(`the plan ${file} says nothing of policy ${missing.join(', ')}`)
}
