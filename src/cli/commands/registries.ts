/** `replicate registries`: list them, check them. */

import type { PingStep } from '../../core/adapter.ts'
import { CancelledError, ConfigurationError, describeError, ReplicateError } from '../../core/errors.ts'
import type { Registry } from '../../core/registry.ts'
import { worstExitCode } from '../exit-code.ts'
import type { Colors } from '../render/colors.ts'
import { formatDuration, printable } from '../render/format.ts'
import { jsonDocument } from '../render/json.ts'
import { renderTable } from '../render/table.ts'
import { print, quietContext, type Session } from '../session.ts'

/** A registry that did not answer, or refused. */
const UNREACHABLE = 3

export async function list(session: Session): Promise<number> {
  const configuration = await (await session.app()).configuration([])
  const registries = [...configuration.registries.values()]
  print(session, registries.map(asJson), () =>
    registries.length === 0
      ? 'no registry is configured; `replicate config init` writes a file to start from\n'
      : renderTable(
          [{ title: 'NAME' }, { title: 'TYPE' }, { title: 'URL' }, { title: 'STATUS' }, { title: 'CHECKED' }],
          registries.map((registry) => [registry.name, registry.type, placeOf(registry), 'unknown', 'never']),
          session.stdout.columns,
          session.colors,
        ),
  )
  return 0
}

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
  for (const name of wanted) {
    const one = await check(name)
    if (!session.json) session.stdout.write(text(one, session.colors))
    checked.push(one)
  }
  if (session.json) session.stdout.write(jsonDocument(checked.map((one) => checkedJson(one, session.timer.now()))))
  return worstExitCode(checked.map(statusOf))

  async function check(name: string): Promise<Checked> {
    try {
      return { name, steps: await app.ping(name, configuration, quietContext(session)), error: undefined }
    } catch (error) {
      // What is no answer of a registry ends the command: a wrong name, an interrupt, a bug.
      if (
        !(error instanceof ReplicateError) ||
        error instanceof ConfigurationError ||
        error instanceof CancelledError
      ) {
        throw error
      }
      return { name, steps: [], error }
    }
  }
}

function statusOf({ steps, error }: Checked): number {
  return error === undefined && steps.every(({ ok }) => ok) ? 0 : UNREACHABLE
}

function text({ name, steps, error }: Checked, colors: Colors): string {
  const widest = Math.max(0, ...steps.map((step) => step.name.length))
  const lines = steps.map((step) => {
    const sign = step.ok ? colors.green('✓') : colors.red('✗')
    const time = formatDuration(step.duration).padStart(8)
    return `  ${sign} ${printable(step.name).padEnd(widest)}  ${time}  ${printable(step.detail)}`.trimEnd()
  })
  if (error !== undefined) {
    lines.push(`  ${colors.red('✗')} ${printable(describeError(error))}`)
    if (error instanceof ReplicateError && error.hint) lines.push(`    ${printable(error.hint)}`)
  }
  return `${colors.bold(printable(name))}\n${lines.map((line) => `${line}\n`).join('')}`
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

function asJson(registry: Registry): unknown {
  return {
    name: registry.name,
    registry_type: registry.type,
    url: placeOf(registry),
    description: registry.description ?? null,
    insecure: registry.insecure ?? false,
    status: 'unknown',
    status_reason: null,
    checked_at: null,
  }
}

function placeOf(registry: Registry): string {
  return registry.url ?? registry.path ?? ''
}
