/** `replicate verify`: compares both sides, says what differs, and with `--repair` sends again what the destination lacks; or checks one
 *  place by itself. */

import type { App, Difference, RunOptions, Verification, VerifyOptions } from '../../../app/app.ts'
import { CancelledError, ConfigurationError, ReplicateError } from '../../../core/errors.ts'
import type { Execution } from '../../../core/execution.ts'
import type { Policy } from '../../../core/policy.ts'
import { formatResource } from '../../../core/reference.ts'
import { showRun } from '../../execute.ts'
import { worstExitCode } from '../../exit-code.ts'
import type { VerifyFlags } from '../../options.ts'
import { recordedError, renderError } from '../../render/error.ts'
import { plural, printable } from '../../render/format.ts'
import { jsonDocument } from '../../render/json.ts'
import { headingLine, headingOf } from '../../render/summary.ts'
import { type Selection, selectPolicies } from '../../selection.ts'
import { quietContext, type Session } from '../../session.ts'
import { placesIn, verifyPlaces } from './places.ts'

/** There are differences, and they were not all repaired. */
const DRIFT = 1

/** A policy's part of `verify --json`. */
interface Verified {
  readonly policy: string
  readonly source: string
  readonly destination: string
  /** Null where it could not be compared at all. */
  readonly compared: number | null
  readonly differences: readonly Difference[]
  /** Null where nothing was to be repaired. */
  readonly repair: Repair | null
  readonly error: unknown
}

interface Repair {
  /** Null where it never began. */
  readonly execution: Execution | null
  /** Differences that are left. */
  readonly differences: readonly Difference[]
}

/** Exit status 0 if there are no differences, or all were repaired. A policy that cannot be compared does not stop the others. */
export async function verify(session: Session, targets: readonly string[], flags: VerifyFlags): Promise<number> {
  const { workers, full } = flags
  if (workers && !full) {
    throw new ConfigurationError('--workers goes with --full: workers read blobs, and without --full none is read')
  }
  const app = await session.app()
  const places = await placesIn(targets, app, session.cwd)
  if (places.length > 0) return verifyPlaces(session, app, targets, places, flags)
  const selection = await selectPolicies(app, session.cwd, targets, flags.policy, { workers })
  const verified: Verified[] = []
  const codes: number[] = []
  for (const [at, policy] of selection.policies.entries()) {
    if (!session.json && !session.quiet) {
      session.stdout.write((at > 0 ? '\n' : '') + headingLine(headingOf(policy), session.colors))
    }
    try {
      const { result, code } = await verifyPolicy(policy, selection, session, app, flags)
      verified.push(result)
      codes.push(code)
    } catch (error) {
      if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
      if (!session.json) session.stderr.write(renderError(error, session.errorColors))
      verified.push({
        ...headingOf(policy),
        compared: null,
        differences: [],
        repair: null,
        error: recordedError(error),
      })
      codes.push(error.exitCode)
    }
  }
  if (session.json) session.stdout.write(jsonDocument({ policies: verified }))
  return worstExitCode(codes)
}

async function verifyPolicy(
  policy: Policy,
  { configuration }: Selection,
  session: Session,
  app: App,
  flags: VerifyFlags,
): Promise<{ readonly result: Verified; readonly code: number }> {
  const ctx = quietContext(session)
  const show = (difference: Difference): void => {
    if (!session.json) session.stdout.write(differenceLine(difference, session))
  }
  const options = verifyOptions(flags)
  const first = await app.verify(policy, configuration, options, show, ctx)
  const { repairs, ...found } = first
  if (!session.json && !session.quiet) session.stdout.write(`${totals(first, session)}\n`)
  const result = { ...found, repair: null, error: null }
  if (repairs.length === 0) return { result, code: found.differences.length > 0 ? DRIFT : 0 }

  const plan = { version: 1, policies: [{ policy: policy.name, tasks: repairs }] } as const
  const { full, workers } = options
  const where = workers === undefined ? {} : { workers }
  const run = await repairWith({ plan, thorough: true, ...where }, policy, configuration, session, app)
  if (run.code !== 0 && run.code !== 1) {
    return {
      result: { ...result, repair: { execution: run.execution, differences: found.differences } },
      code: run.code,
    }
  }
  if (!session.json && !session.quiet) session.stdout.write('\nverifying what was repaired\n')
  const again = { ...(full ? { full } : {}), ...where, only: repairs }
  const second = await app.verify(policy, configuration, again, show, ctx)
  // What nothing was done about is as it was.
  const repaired = new Set(repairs.map(({ destination, digest }) => formatResource({ ...destination, digest })))
  const left = [...found.differences.filter(({ destination }) => !repaired.has(destination)), ...second.differences]
  if (!session.json) {
    if (left.length === 0 && !session.quiet) session.stdout.write(`${session.colors.green('repaired')}\n`)
    if (second.differences.length > 0) session.stderr.write(STILL_DAMAGED)
  }
  const code = left.length > 0 ? DRIFT : run.code
  return { result: { ...result, repair: { execution: run.execution, differences: left } }, code }
}

const STILL_DAMAGED = `error: the destination is still not right after all of it was sent again
  a registry may keep a damaged copy of what it already has: delete the image there, collect garbage, and run the policy again
`

/** An execution in the history; shown as `run` shows one, unless standard output is for one document. */
async function repairWith(
  options: RunOptions,
  policy: Policy,
  configuration: Selection['configuration'],
  session: Session,
  app: App,
): Promise<{ readonly code: number; readonly execution: Execution | null }> {
  if (session.json) {
    let ended: { readonly code: number; readonly execution: Execution | null } = { code: 1, execution: null }
    const outcomes = app.run([policy], configuration, options, () => {}, quietContext(session))
    for await (const { exitCode, execution } of outcomes) ended = { code: exitCode, execution: execution ?? null }
    return ended
  }
  const code = await showRun(session, app, {}, (started, ctx) =>
    app.run([policy], configuration, options, started, ctx),
  )
  return { code, execution: null }
}

function verifyOptions({ filter, shard, full, workers, repair }: VerifyFlags): VerifyOptions {
  return {
    ...(filter === undefined ? {} : { filter }),
    ...(shard === undefined ? {} : { shard }),
    ...(full === undefined ? {} : { full }),
    ...(workers === undefined ? {} : { workers }),
    ...(repair === undefined ? {} : { repair }),
  }
}

/** `  ✗ mirror/redis:7  missing blob sha256:… (12.1 MiB) in sha256:…`. */
function differenceLine({ destination, message }: Difference, { colors }: Session): string {
  const name = destination.slice(destination.indexOf('/') + 1)
  return `  ${colors.red('✗')} ${printable(name)}  ${printable(message)}\n`
}

function totals({ compared, differences }: Verification, { colors }: Session): string {
  const seen = `${plural(compared, 'artifact')} compared`
  if (differences.length === 0) return `${seen}, ${colors.green('no difference')}`
  const places = new Set(differences.map(({ destination }) => destination)).size
  return `${seen}, ${colors.red(`${plural(differences.length, 'difference')} in ${places}`)}`
}
