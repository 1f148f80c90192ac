/** `policies validate --online`: whether registries answer, and what each policy would take. */

import type { App } from '../../../app/app.ts'
import type { Configuration } from '../../../config/load.ts'
import { CancelledError, describeError, ReplicateError } from '../../../core/errors.ts'
import { type Policy, routesOf } from '../../../core/policy.ts'
import { formatDuration, printable } from '../../render/format.ts'
import { quietContext, type Session } from '../../session.ts'
import { countsOf, preview } from './preview.ts'

interface RegistryCheck {
  readonly name: string
  readonly status: 'healthy' | 'unhealthy'
  readonly status_reason: string | null
  readonly duration_ms: number
}

interface PolicyCheck {
  readonly name: string
  readonly repositories: number | null
  readonly tags: number | null
  /** Before filters. */
  readonly seen: number | null
  readonly error: string | null
}

export interface Online {
  readonly code: number
  readonly registries: readonly RegistryCheck[]
  readonly policies: readonly PolicyCheck[]
}

/** What a run of the policy would end with, too. */
const UNREACHABLE = 3

/** Prints each line as soon as it is known, but for `--json`. Writes nothing to any registry. */
export async function checkOnline(session: Session, app: App, configuration: Configuration): Promise<Online> {
  const { policies } = configuration
  const named = policies.flatMap((policy) => [policy.source.registry, ...routesOf(policy).map(destinationOf)])
  const registries: RegistryCheck[] = []
  for (const name of new Set([...configuration.registries.keys(), ...named])) {
    const checked = await checkRegistry(name)
    const detail = checked.status_reason ?? `reachable in ${formatDuration(checked.duration_ms)}`
    say(checked.status === 'healthy', name, detail)
    registries.push(checked)
  }
  const down = new Set(registries.filter(({ status }) => status === 'unhealthy').map(({ name }) => name))
  const checks: PolicyCheck[] = []
  for (const policy of policies) checks.push(await checkPolicy(policy))
  const wrong = down.size > 0 || checks.some(({ error }) => error !== null)
  return { code: wrong ? UNREACHABLE : 0, registries, policies: checks }

  async function checkRegistry(name: string): Promise<RegistryCheck> {
    const steps = await app.ping(name, configuration, quietContext(session))
    const failed = steps.find(({ ok }) => !ok)
    return {
      name,
      status: failed ? 'unhealthy' : 'healthy',
      status_reason: failed?.detail ?? null,
      duration_ms: steps.reduce((sum, { duration }) => sum + duration, 0),
    }
  }

  async function checkPolicy(policy: Policy): Promise<PolicyCheck> {
    const { name, source, enabled } = policy
    const nothing = { name, repositories: null, tags: null, seen: null }
    if (down.has(source.registry)) {
      const error = `not looked at: ${source.registry} is not healthy`
      say(false, name, error)
      return { ...nothing, error }
    }
    try {
      const found = await preview(session, app, policy, configuration)
      const { repositories, tags, untagged, seen } = found
      const isEmpty = tags + untagged === 0 && !policy.allow_empty
      const error = isEmpty ? `its filters match nothing${seen > 0 ? ` of ${seen} tags` : ''}` : null
      say(!isEmpty, name, error ?? `${countsOf(found)}${enabled ? '' : ' (disabled)'}`)
      return { name, repositories, tags, seen, error }
    } catch (error) {
      if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
      say(false, name, describeError(error))
      return { ...nothing, error: describeError(error) }
    }
  }

  function say(ok: boolean, name: string, text: string): void {
    if (session.json || (session.quiet && ok)) return
    const sign = ok ? session.colors.green('✓') : session.colors.red('✗')
    session.stdout.write(`${sign} ${session.colors.bold(printable(name))}  ${printable(text)}\n`)
  }
}

function destinationOf({ destination }: Policy): string {
  return destination.registry
}
