/** `replicate schedule past`: what became of the times of schedules while `replicate serve` ran, or did not. */

import { localTimezone } from '../../../core/schedule.ts'
import type { ScheduleRun } from '../../../history/history.ts'
import { renderTable } from '../../render/table.ts'
import { print, type Session } from '../../session.ts'
import { wallClock } from './schedule.ts'

export interface PastFlags {
  readonly count: number
}

/** More times than this are not counted. */
const COUNTED = 1000

export async function past(session: Session, policies: readonly string[], { count }: PastFlags): Promise<number> {
  const history = await (await session.app()).records()
  const runs = history.schedules.past(policies.length === 0 ? undefined : policies, count)
  print(session, runs, () =>
    runs.length === 0
      ? `no schedule ${policies.length === 0 ? '' : `of ${policies.join(', ')} `}has come due in \`replicate serve\`\n`
      : renderTable(
          [{ title: 'DUE' }, { title: 'POLICY' }, { title: 'OUTCOME' }, { title: 'EXECUTION' }, { title: 'REASON' }],
          runs.map((run) => [
            dueText(run),
            run.policy,
            run.outcome.replaceAll('_', ' '),
            run.execution === null ? '' : String(run.execution),
            run.reason ?? '',
          ]),
          session.stdout.columns,
          session.colors,
        ),
  )
  return 0
}

function dueText({ due, last, times }: ScheduleRun): string {
  const first = wallClock(due, localTimezone())
  if (times === 1) return first
  const number = times > COUNTED ? `over ${COUNTED}` : String(times)
  return `${first} to ${wallClock(last, localTimezone())}, ${number} times`
}
