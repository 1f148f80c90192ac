/** The questions of `policies create`, in the order of what a policy says. */

import type { App } from '../../../app/app.ts'
import { blockLines } from '../../../config/edit/render.ts'
import type { Configuration } from '../../../config/load.ts'
import { parseSchedule, ScheduleError } from '../../../core/schedule.ts'
import { checkDraft, type PolicyDraft } from '../../commands/policies/draft.ts'
import { newPolicy, type PolicyFlags } from '../../commands/policies/fields.ts'
import { localTimezone, wallClock } from '../../commands/schedule/schedule.ts'
import { confirm, select, text } from '../../prompt/prompt.ts'
import type { Session } from '../../session.ts'
import { askDestination } from './destination.ts'
import { askFilters, askSource } from './source.ts'

export interface Asked {
  readonly name: string
  readonly flags: PolicyFlags
}

/** Asks for everything that no option gave. Undefined if the user decides not to save it. */
export async function askPolicy(
  session: Session,
  app: App,
  configuration: Configuration,
  given: { readonly name: string | undefined; readonly flags: PolicyFlags },
): Promise<Asked | undefined> {
  const name = given.name ?? (await askName(session, configuration))
  const { configuration: file } = await session.parts.paths(session.options)
  const draft: PolicyDraft = { session, app, name, file }
  const source = await askSource(draft, configuration, given.flags)
  const { flags: filtered, example } = await askFilters(draft, source)
  const placed = await askDestination(draft, configuration, filtered, example)
  const timed = await askTriggers(session, placed)
  const flags = await askSettings(session, timed)
  await checkDraft(draft, flags)
  const lines = ['policies:', ...blockLines(name, newPolicy(flags), 2, 2)]
  session.stderr.write(`\n${lines.map((line) => `  ${line}\n`).join('')}\n`)
  const save = await confirm(session, { message: `Save this to ${file}?`, option: '--source', fallback: true })
  return save ? { name, flags } : undefined
}

function askName(session: Session, { policies }: Configuration): Promise<string> {
  const taken = new Set(policies.map((policy) => policy.name))
  return text(session, {
    message: 'Name of the policy:',
    option: 'NAME',
    check: (answer) => {
      if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(answer)) return 'letters, digits, `.`, `_` and `-`, such as base-images'
      return taken.has(answer) ? `there is a policy ${answer} already` : undefined
    },
  })
}

const BY_HAND = ''
const ANOTHER = 'another'

async function askTriggers(session: Session, flags: PolicyFlags): Promise<PolicyFlags> {
  if (flags.schedule !== undefined) return flags
  const chosen = await select(session, {
    message: 'When does it run?',
    option: '--schedule',
    choices: [
      { value: BY_HAND, name: 'by hand, with `replicate run`' },
      { value: '@hourly', name: 'every hour' },
      { value: '0 2 * * *', name: 'every day at two in the morning' },
      { value: '0 2 * * 0', name: 'every Sunday at two in the morning' },
      { value: ANOTHER, name: 'at other times (cron)' },
    ],
  })
  if (chosen === BY_HAND) return flags
  const schedule = chosen === ANOTHER ? await askSchedule(session) : chosen
  const timezone =
    flags.timezone ??
    (await text(session, {
      message: 'Time zone:',
      option: '--timezone',
      fallback: localTimezone(),
      check: (answer) => wrongSchedule(schedule, answer),
    }))
  const coming = comingTimes(schedule, timezone, session.timer.now())
  const lines = [`next: ${coming.join(' · ')}`, '`replicate schedule export` makes what starts it']
  session.stderr.write(lines.map((line) => `  ${session.errorColors.dim(line)}\n`).join(''))
  return { ...flags, schedule: [schedule], timezone }
}

function askSchedule(session: Session): Promise<string> {
  return text(session, {
    message: 'Schedule (minute hour day month weekday):',
    option: '--schedule',
    check: (answer) => wrongSchedule(answer),
  })
}

function wrongSchedule(schedule: string, timezone?: string): string | undefined {
  try {
    parseSchedule(schedule, timezone)
    return undefined
  } catch (error) {
    if (error instanceof ScheduleError) return `${error.message}; ${error.hint}`
    throw error
  }
}

const SHOWN_TIMES = 3

function comingTimes(schedule: string, timezone: string, now: number): readonly string[] {
  const parsed = parseSchedule(schedule, timezone)
  const times: string[] = []
  for (let time = parsed.after(now); time !== undefined && times.length < SHOWN_TIMES; time = parsed.after(time)) {
    times.push(wallClock(new Date(time).toISOString(), timezone))
  }
  return times
}

/** The usual ones need no line in the file. */
async function askSettings(session: Session, flags: PolicyFlags): Promise<PolicyFlags> {
  session.stderr.write(
    `  ${session.errorColors.dim('usually: tags that differ are replaced, nothing is deleted, signatures travel along, it is enabled')}\n`,
  )
  const others = await confirm(session, {
    message: 'Other settings than the usual?',
    option: '--source',
    fallback: false,
  })
  if (!others) return flags
  const description =
    flags.description ??
    (await text(session, { message: 'Description (may be empty):', option: '--description', fallback: '' }))
  const override =
    flags.override ??
    (await confirm(session, {
      message: 'Replace destination tags that differ?',
      option: '--override',
      fallback: true,
    }))
  const deletion =
    flags.deletion ??
    (await select(session, {
      message: 'What is gone from the source:',
      option: '--deletion',
      choices: [
        { value: 'never', name: 'stays at the destination' },
        { value: 'owned', name: 'is deleted at the destination, too, if this policy has put it there' },
        { value: 'mirror', name: 'is deleted at the destination, too, at most 10 % of its tags at once' },
      ],
    }))
  const referrers =
    flags.referrers ??
    (await confirm(session, {
      message: 'Copy signatures, attestations and SBOMs with their images?',
      option: '--referrers',
      fallback: true,
    }))
  const enabled =
    flags.enabled ?? (await confirm(session, { message: 'Enable it?', option: '--disabled', fallback: true }))
  return {
    ...flags,
    ...(description === '' ? {} : { description }),
    ...(override ? {} : { override }),
    ...(deletion === 'never' ? {} : { deletion }),
    ...(referrers ? {} : { referrers }),
    ...(enabled ? {} : { enabled }),
  }
}
