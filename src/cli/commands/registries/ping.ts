/** `replicate registries ping`: each step of a check with its time, as it ends. */

import type { PingStep } from '../../../core/adapter.ts'
import { CancelledError, ConfigurationError, describeError, ReplicateError } from '../../../core/errors.ts'
import { worstExitCode } from '../../exit-code.ts'
import type { Colors } from '../../render/colors.ts'
import { formatDuration, printable, wrapped } from '../../render/format.ts'
import { jsonDocument } from '../../render/json.ts'
import { quietContext, type Session } from '../../session.ts'

/** A registry that did not answer, or refused. */
export const UNREACHABLE = 3

interface Checked {
  readonly name: string
  readonly steps: readonly PingStep[]
  readonly error: unknown
}

export async function ping(session: Session, names: readonly string[]): Promise<number> {
  const app = await session.app()
  const configuration = await app.configuration([])
  const wanted = names.length > 0 ? names : [...configuration.registries.keys()]
  if (wanted.length === 0) {
    throw new ConfigurationError('no registry is configured', { hint: 'name a host: replicate registries ping HOST' })
  }
  const checked: Checked[] = []
  for (const name of wanted) checked.push(await check(name))
  if (session.json) session.stdout.write(jsonDocument(checked.map((one) => checkedJson(one, session.timer.now()))))
  return worstExitCode(checked.map(statusOf))

  async function check(name: string): Promise<Checked> {
    const say = (text: string): void => {
      if (!session.json) session.stdout.write(text)
    }
    // A wrong name is told before anything is printed for it.
    configuration.registryOf(name)
    say(`${session.colors.bold(printable(name))}\n`)
    try {
      const steps = await app.ping(name, configuration, quietContext(session), (step) =>
        say(stepLine(step, session.colors, session.stdout.columns)),
      )
      return { name, steps, error: undefined }
    } catch (error) {
      // Anything but a failed check ends the command: a mistake, an interrupt, a bug.
      if (
        !(error instanceof ReplicateError) ||
        error instanceof ConfigurationError ||
        error instanceof CancelledError
      ) {
        throw error
      }
      say(`  ${session.colors.red('✗')} ${printable(describeError(error))}\n`)
      if (error.hint) say(`    ${printable(error.hint)}\n`)
      return { name, steps: [], error }
    }
  }
}

const WIDEST = 'credential'.length

/** One step as a line, ended; as several below each other where the terminal is narrow. */
export function stepLine({ name, ok, duration, detail }: PingStep, colors: Colors, columns: number): string {
  const time = formatDuration(duration).padStart(8)
  const text = wrapped(detail, columns, `  ${ok ? '✓' : '✗'} ${printable(name).padEnd(WIDEST)}  ${time}  `).trimEnd()
  return `  ${ok ? colors.green('✓') : colors.red('✗')}${text.slice(3)}\n`
}

function statusOf({ steps, error }: Checked): number {
  return error === undefined && steps.every(({ ok }) => ok) ? 0 : UNREACHABLE
}

function checkedJson(one: Checked, now: number): unknown {
  const failed = one.steps.find(({ ok }) => !ok)
  const reason = one.error === undefined ? failed?.detail : describeError(one.error)
  return {
    name: one.name,
    status: statusOf(one) === 0 ? 'healthy' : 'unhealthy',
    status_reason: reason ?? null,
    checked_at: new Date(now).toISOString(),
    steps: one.steps.map(({ name, ok, duration, detail }) => ({ name, ok, duration_ms: duration, detail })),
  }
}
