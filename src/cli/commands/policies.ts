/** `replicate policies`: list, show, check. */

import type { Execution } from '../../core/execution.ts'
import type { Policy } from '../../core/policy.ts'
import { formatRelative, plural } from '../render/format.ts'
import { headingOf, statusWords } from '../render/summary.ts'
import { renderFields, renderTable } from '../render/table.ts'
import { policyOf } from '../selection.ts'
import { print, type Session } from '../session.ts'

export async function list(session: Session): Promise<number> {
  const app = await session.app()
  const { policies } = await app.configuration([])
  const history = policies.length > 0 ? await app.history() : undefined
  const rows = policies.map((policy) => ({ policy, last: history?.lastOf(policy.name) }))
  print(
    session,
    rows.map(({ policy, last }) => ({ ...asJson(policy), last_execution: last ?? null })),
    () =>
      rows.length === 0
        ? 'no policy is configured; `replicate config init` writes a file to start from\n'
        : renderTable(
            [
              { title: 'NAME' },
              { title: 'SOURCE → DESTINATION' },
              { title: 'TRIGGERS' },
              { title: 'ENABLED' },
              { title: 'LAST EXECUTION' },
            ],
            rows.map(({ policy, last }) => [
              policy.name,
              `${headingOf(policy).source} → ${headingOf(policy).destination}`,
              triggersOf(policy),
              policy.enabled ? 'yes' : 'no',
              lastText(last, session.timer.now()),
            ]),
            session.stdout.columns,
            session.colors,
          ),
  )
  return 0
}

export async function show(session: Session, name: string): Promise<number> {
  const policy = policyOf(await (await session.app()).configuration([]), name)
  print(session, asJson(policy), () => renderFields(asJson(policy), session.colors))
  return 0
}

export async function validate(session: Session, files: readonly string[]): Promise<number> {
  const { policies, registries } = await (await session.app()).configuration(files)
  const counts = `${plural(policies.length, 'policy', 'policies')}, ${plural(registries.size, 'registry', 'registries')}`
  print(session, { valid: true, policies: policies.map(({ name }) => name), registries: [...registries.keys()] }, () =>
    session.quiet ? '' : `${session.colors.green('✓')} valid: ${counts}\n`,
  )
  return 0
}

function asJson(policy: Policy): Record<string, unknown> {
  return {
    ...policy,
    src_registry: policy.source.registry,
    dest_registry: policy.destination.registry,
    // Nothing but a user starts a policy in this version.
    next_run: null,
  }
}

function triggersOf(policy: Policy): string {
  return ['manual', ...policy.triggers.map((trigger) => Object.keys(trigger)[0] ?? '')].join(', ')
}

function lastText(last: Execution | undefined, now: number): string {
  return last ? `${last.id} ${statusWords(last.status)}, ${formatRelative(last.start_time, now)}` : 'never'
}
