/** `replicate plan`: what `run` would do. */

import type { App, PlanOptions, PolicyPlan } from '../../app/app.ts'
import type { PlanFlags } from '../options.ts'
import { jsonStream } from '../render/json.ts'
import { hasWork, renderPlan } from '../render/plan.ts'
import { type Selection, selectPolicies } from '../selection.ts'
import { quietContext, type Session } from '../session.ts'
import { writeAll } from '../stream.ts'

/** The exit status of a run that is refused before it copies anything. */
const REFUSED = 3
/** Something to do, under `--exit-code`. */
const WORK = 6

export async function plan(session: Session, targets: readonly string[], flags: PlanFlags): Promise<number> {
  const app = await session.app()
  const selection = await selectPolicies(app, session.cwd, targets, flags.policy)
  return showPlans(session, app, selection, flags, targets)
}

/** Also what `--dry-run` does. */
export async function showPlans(
  session: Session,
  app: App,
  selection: Selection,
  flags: PlanFlags,
  targets: readonly string[] = [],
): Promise<number> {
  const plans: PolicyPlan[] = []
  for (const policy of selection.policies) {
    const made = await app.plan(policy, selection.configuration, planOptions(flags), quietContext(session))
    // Shown one by one: a large policy behind should not hide the one before.
    if (!session.json && !session.quiet) {
      if (plans.length > 0) session.stdout.write('\n')
      await writeAll(session, renderPlan(made, session.colors, session.stdout.columns))
    }
    plans.push(made)
  }
  if (session.json) await writeAll(session, jsonStream({ policies: plans.map((made) => asJson(made, flags)) }))
  // What a run would refuse must not be applied from a file either.
  if (plans.some(({ refused }) => refused)) return REFUSED
  if (flags.out !== undefined) {
    const { writePlanFile } = await import('../saved-plan.ts')
    await writePlanFile(session, flags.out, targets, plans)
  }
  return flags.exitCode && plans.some(hasWork) ? WORK : 0
}

export function planOptions(flags: PlanFlags): PlanOptions {
  const { filter, shard, referrers, shallow, sizes, explain } = flags
  return {
    ...(filter === undefined ? {} : { filter }),
    ...(shard === undefined ? {} : { shard }),
    ...(referrers === undefined ? {} : { referrers }),
    ...(shallow === undefined ? {} : { shallow }),
    ...(sizes === undefined ? {} : { sizes }),
    ...(explain === undefined ? {} : { explain }),
  }
}

function asJson(made: PolicyPlan, flags: PlanFlags): object {
  const { explanations, tasks: _, ...rest } = made
  return flags.explain ? { ...rest, explanations } : rest
}
