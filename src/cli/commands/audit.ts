/** `replicate audit`: who changed and started what. */

import type { AuditLine } from '../../core/audit.ts'
import { formatRecent } from '../render/format.ts'
import { renderTable } from '../render/table.ts'
import { print, type Session } from '../session.ts'

export interface AuditFlags {
  /** Milliseconds back from now. */
  readonly since?: number
  readonly limit: number
}

export async function audit(session: Session, { since, limit }: AuditFlags): Promise<number> {
  const history = await (await session.app()).records()
  const { rows } = history.audit.page({
    limit,
    ...(since === undefined ? {} : { since: session.timer.now() - since }),
  })
  print(session, rows, () => (rows.length === 0 ? 'nothing was changed or started\n' : auditTable(rows, session)))
  return 0
}

function auditTable(lines: readonly AuditLine[], { stdout, colors, timer }: Session): string {
  const now = timer.now()
  return renderTable(
    [
      { title: 'WHEN' },
      { title: 'WHO' },
      { title: 'ROLE', leave: 2 },
      { title: 'FROM', leave: 3 },
      { title: 'DID' },
      { title: 'WHAT' },
      { title: 'DETAIL', leave: 1 },
    ],
    lines.map(({ time, who, role, origin, verb, noun, name, detail }) => [
      formatRecent(time, now),
      who,
      role ?? '',
      origin,
      verb,
      `${noun} ${name}`,
      detail ?? '',
    ]),
    stdout.columns,
    colors,
  )
}
