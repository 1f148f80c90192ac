/** `replicate policies update`, `enable`, `disable` and `delete`. */

import { ConfigurationError, LockedError } from '../../../core/errors.ts'
import { isFinal } from '../../../core/states.ts'
import { canAsk, mayDelete, type YesFlag } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { policyOf } from '../../selection.ts'
import { print, type Session } from '../../session.ts'
import { located, noteOf, said } from './create.ts'
import { changesOf } from './draft.ts'
import { type PolicyFlags, policyEdits } from './fields.ts'

/** By options, or by questions where none says what to change. If nothing would change, the file and its comment stay as they are. */
export async function update(
  session: Session,
  name: string,
  { yes = false, ...given }: PolicyFlags & YesFlag,
): Promise<number> {
  const app = await session.app()
  const configuration = await app.editable()
  const before = policyOf(configuration, name)
  let flags = await located(session, given)
  if (policyEdits(before, flags).length === 0) {
    if (yes || session.json || !canAsk(session)) {
      throw new ConfigurationError('no option says what to change', {
        hint: `such as: replicate policies update ${name} --tag '3.*'`,
      })
    }
    const { askChanges } = await import('../../wizard/policy/policy.ts')
    const { configuration: file } = await session.parts.paths(session.options)
    const asked = await askChanges({ session, app, file, configuration, before }, name)
    if (!asked) {
      session.stderr.write('nothing was written\n')
      return 0
    }
    flags = asked.flags
  }
  const edits = await changesOf(app, before, flags)
  const draft = await app.edit(edits, { dry: true }).catch(() => undefined)
  if (draft && draft.after === draft.before) await said(session, name, draft, `${name} is unchanged`)
  else await said(session, name, await app.edit([...edits, noteOf(session, name, 'changed')]), `changed ${name}`)
  return 0
}

/** Changes one line. */
export async function enable(session: Session, name: string, enabled: boolean): Promise<number> {
  const app = await session.app()
  const policy = policyOf(await app.editable(), name)
  const to = enabled ? 'enabled' : 'disabled'
  // Enabled is the default and needs no line.
  const edits = policy.enabled === enabled ? [] : [{ set: ['policies', name, 'enabled'], to: enabled }]
  await said(session, name, await app.edit(edits), edits.length > 0 ? `${to} ${name}` : `${name} is ${to} already`)
  return 0
}

/** Throws a `LockedError` while an execution of it is in progress, wherever that runs. */
export async function remove(session: Session, name: string, flags: YesFlag = {}): Promise<number> {
  const app = await session.app()
  policyOf(await app.editable(), name)
  const running = (await app.records()).executions.list({ policy: name }).find(({ status }) => !isFinal(status))
  if (running) {
    throw new LockedError(`policy ${name} is running: execution ${running.id}`, {
      hint: `\`replicate executions stop ${running.id}\` ends it`,
    })
  }
  const { configuration: file } = await session.parts.paths(session.options)
  if (!(await mayDelete(session, `Delete the policy ${printable(name)} from ${printable(file)}?`, flags))) return 0
  const { path } = await app.edit([{ remove: ['policies', name] }])
  print(session, { name, file: path, deleted: true }, () =>
    session.quiet
      ? ''
      : `${session.colors.green('✓')} deleted ${name} from ${path}; its executions stay in the history\n`,
  )
  return 0
}
