/** `replicate doctor`: whether everything around a replication is as it should be. */

import type { Check } from '../../app/doctor.ts'
import { printable } from '../render/format.ts'
import { jsonDocument } from '../render/json.ts'
import { quietContext, type Session } from '../session.ts'

export async function doctor(session: Session): Promise<number> {
  const app = await session.app()
  const checks: Check[] = []
  for await (const check of app.examine(quietContext(session))) {
    checks.push(check)
    const isShown = !session.json && (!session.quiet || check.status !== 'ok')
    if (isShown) session.stdout.write(text(check, session))
  }
  if (session.json) {
    session.stdout.write(
      jsonDocument(checks.map(({ name, status, detail, hint }) => ({ name, status, detail, hint: hint ?? null }))),
    )
  }
  return checks.some(({ status }) => status === 'failed') ? 1 : 0
}

/** As wide as the longest of the names that are always there. */
const NAME = 'configuration'.length

function text({ name, status, detail, hint }: Check, { colors }: Session): string {
  const sign = { ok: colors.green('✓'), warning: colors.yellow('!'), failed: colors.red('✗') }[status]
  const first = `${sign} ${printable(name).padEnd(NAME)}  ${printable(detail)}\n`
  return hint === undefined ? first : `${first}  ${' '.repeat(NAME)}  ${printable(hint)}\n`
}
