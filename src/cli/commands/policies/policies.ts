/** `replicate policies list`, `show` and `validate`. */

import { policyJson } from '../../../config/document/policy.ts'
import { spelledDuration } from '../../../core/duration.ts'
import type { Execution } from '../../../core/execution.ts'
import type { Policy, Trigger } from '../../../core/policy.ts'
import { nextRun } from '../../../core/schedule.ts'
import { formatRelative, plural } from '../../render/format.ts'
import { headingOf, statusWords } from '../../render/summary.ts'
import { renderFields, renderTable } from '../../render/table.ts'
import { policyOf } from '../../selection.ts'
import { print, type Session } from '../../session.ts'
import { checkOnline } from './online.ts'

export async function list(session: Session): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  const { policies } = configuration
  const definitions = await app.definitions(configuration)
  const { configuration: file } = await session.parts.paths(session.options)
  const history = policies.length > 0 ? await app.records() : undefined
  const now = session.timer.now()
  const rows = policies.map((policy) => ({ policy, last: history?.executions.lastOf(policy.name) }))
  print(
    session,
    rows.map(({ policy, last }) => ({
      ...policyJson(policy, { now, definition: definitions('policy', policy.name) }),
      last_execution: last ?? null,
    })),
    () =>
      rows.length === 0
        ? `no policy is configured in ${file}; \`replicate policies create\` makes one\n`
        : renderTable(
            [
              { title: 'NAME' },
              { title: 'SOURCE → DESTINATION' },
              { title: 'TRIGGERS' },
              { title: 'ENABLED' },
              { title: 'LAST EXECUTION' },
              { title: 'NEXT RUN' },
            ],
            rows.map(({ policy, last }) => [
              policy.name,
              `${headingOf(policy).source} → ${headingOf(policy).destination}`,
              triggersOf(policy),
              policy.enabled ? 'yes' : 'no',
              lastText(last, now),
              nextText(policy, now),
            ]),
            session.stdout.columns,
            session.colors,
          ),
  )
  return 0
}

export async function show(session: Session, name: string): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  const policy = policyOf(configuration, name)
  const definition = (await app.definitions(configuration))('policy', name)
  const document = policyJson(policy, { now: session.timer.now(), definition })
  print(session, document, () => {
    // What is written in other words above, too.
    const { id: _, src_namespaces: __, dest_namespace: ___, trigger_kinds: ____, ...fields } = document
    return renderFields(fields, session.colors)
  })
  return 0
}

export interface ValidateFlags {
  readonly online?: boolean
}

export async function validate(
  session: Session,
  files: readonly string[],
  { online = false }: ValidateFlags = {},
): Promise<number> {
  const app = await session.app()
  const configuration = await (online ? app.configuration(files) : app.offline(files))
  const { policies, registries, unset = [] } = configuration
  const counts = `${plural(policies.length, 'policy', 'policies')}, ${plural(registries.size, 'registry', 'registries')}`
  const document = {
    valid: true,
    policies: policies.map(({ name }) => name),
    registries: [...registries.keys()],
    ...(unset.length === 0 ? {} : { unset }),
  }
  const text = session.quiet ? '' : `${session.colors.green('✓')} valid: ${counts}\n`
  if (!online) {
    print(session, document, () => text)
    const them = unset.length === 1 ? 'is not set here, and a run needs it' : 'are not set here, and a run needs them'
    if (unset.length > 0 && !session.json) session.stderr.write(`warning: ${unset.join(', ')} ${them}\n`)
    return 0
  }
  if (!session.json) session.stdout.write(text)
  const { code, ...seen } = await checkOnline(session, app, configuration)
  print(session, { ...document, online: seen }, () => '')
  return code
}

function triggersOf(policy: Policy): string {
  return [...new Set(['manual', ...policy.triggers.map(triggerText)])].join(', ')
}

function triggerText(trigger: Trigger): string {
  if ('schedule' in trigger) return 'schedule'
  if ('event' in trigger) return trigger.event.join(' + ')
  return 'poll' in trigger ? `poll ${spelledDuration(trigger.poll)}` : 'pull'
}

function lastText(last: Execution | undefined, now: number): string {
  return last ? `${last.id} ${statusWords(last.status)}, ${formatRelative(last.start_time, now)}` : 'never'
}

function nextText(policy: Policy, now: number): string {
  const next = nextRun(policy, now)
  return next === undefined ? '' : formatRelative(new Date(next).toISOString(), now)
}
