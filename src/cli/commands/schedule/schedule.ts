/** `replicate schedule`: when policies come next, and what makes them run then. */

import { ConfigurationError } from '../../../core/errors.ts'
import { routesOf } from '../../../core/policy.ts'
import { type ComingRunJson, comingRunJson, comingRuns, localTimezone, schedulesOf } from '../../../core/schedule.ts'
import { variablePrefix } from '../../../credentials/environment.ts'
import { formatRelative } from '../../render/format.ts'
import { renderTable } from '../../render/table.ts'
import { type Selection, selectPolicies } from '../../selection.ts'
import { print, type Session } from '../../session.ts'
import { exported, type Format } from './export.ts'

export interface NextFlags {
  readonly count: number
}

export async function next(session: Session, targets: readonly string[], { count }: NextFlags): Promise<number> {
  const { policies } = await selectOffline(session, targets)
  const now = session.timer.now()
  const runs: ComingRunJson[] = []
  for (const run of comingRuns(policies, now)) {
    runs.push(comingRunJson(run))
    if (runs.length >= count) break
  }
  print(session, runs, () =>
    runs.length === 0
      ? 'none of these policies has a schedule; one has it with `triggers: [{schedule: "0 2 * * *"}]`\n'
      : renderTable(
          [
            { title: 'TIME' },
            { title: 'TIME ZONE' },
            { title: 'FROM NOW' },
            { title: 'POLICY' },
            { title: 'SCHEDULE' },
          ],
          runs.map(({ policy, time, schedule, timezone }) => [
            wallClock(time, timezone),
            timezone,
            formatRelative(time, now),
            policy,
            schedule,
          ]),
          session.stdout.columns,
          session.colors,
        ),
  )
  return 0
}

export interface ExportFlags {
  readonly format: Format
  /** Into how many parts each run is divided. */
  readonly shards?: number
}

/** Prints what is to be installed; installs nothing. */
export async function exportSchedules(
  session: Session,
  targets: readonly string[],
  { format, shards }: ExportFlags,
): Promise<number> {
  if (shards !== undefined && format !== 'kubernetes') {
    throw new ConfigurationError('--shards is for --format kubernetes: one pod runs each part')
  }
  const selection = await selectOffline(session, targets)
  const entries = selection.policies.flatMap((policy) => schedulesOf(policy).map((schedule) => ({ policy, schedule })))
  if (entries.length === 0) {
    const hint = 'give a policy `triggers: [{schedule: "0 2 * * *"}]`'
    throw new ConfigurationError('none of these policies has a schedule', { hint })
  }
  const { configuration: user, home } = await session.parts.paths(session.options)
  const { text, warnings } = exported(format, entries, {
    program: session.program,
    home,
    user: selection.configuration.files.some(({ path }) => path === user) ? user : undefined,
    fileOf: (policy) => fileOf(selection, policy),
    timezone: localTimezone(),
    variables: variablesOf(selection, session.env),
    shards,
  })
  for (const warning of warnings) session.stderr.write(`${session.errorColors.yellow('warning:')} ${warning}\n`)
  session.stdout.write(text)
  return 0
}

/** Nothing is contacted, so secrets need not be there. */
async function selectOffline(session: Session, targets: readonly string[]): Promise<Selection> {
  const { offline } = await session.app()
  return selectPolicies({ configuration: offline }, session.cwd, targets)
}

/** `Sun 2026-11-22 02:00:00`, as clocks show it there. */
export function wallClock(time: string, timeZone: string): string {
  const date = new Date(time)
  const day = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short' }).format(date)
  const rest = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(date)
  return `${day} ${rest}`
}

function fileOf({ configuration }: Selection, policy: string): string {
  const file = configuration.policyFile(policy)
  if (file !== undefined && file !== '-') return file
  throw new ConfigurationError('standard input cannot be read again when the time comes', {
    hint: 'name a file, or policies of the configuration',
  })
}

/** The variables without which the files mean nothing, and those that give a registry its credential here. */
function variablesOf({ configuration, policies }: Selection, env: Session['env']): readonly string[] {
  const lines = configuration.files.flatMap(({ text }) => text.split('\n')).filter((line) => !/^\s*#/.test(line))
  const names = lines.flatMap((line) =>
    [...line.matchAll(/(?<!\$)\$\{([A-Za-z_]\w*)\}/g)].map((match) => match[1] ?? ''),
  )
  const registries = policies.flatMap((policy) =>
    routesOf(policy).flatMap(({ source, destination }) => [source.registry, destination.registry]),
  )
  const given = registries.flatMap((name) =>
    ['USERNAME', 'PASSWORD', 'TOKEN'].map((what) => `${variablePrefix(name)}_${what}`),
  )
  return [...new Set([...names, ...given.filter((name) => env[name])])].sort()
}
