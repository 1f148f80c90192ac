/** `replicate policies create`: by options, or by questions where something is missing. */

import { policyJson } from '../../../config/document/policy.ts'
import type { Edit } from '../../../config/edit/edit.ts'
import type { Edited } from '../../../config/edit/file.ts'
import type { Configuration } from '../../../config/load.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import { userName } from '../../../process/user.ts'
import { canAsk, type YesFlag } from '../../prompt/prompt.ts'
import { printable } from '../../render/format.ts'
import { policyOf } from '../../selection.ts'
import { print, type Session } from '../../session.ts'
import { newPolicy, type PolicyFlags, pathIn, referenceIn } from './fields.ts'

export async function create(
  session: Session,
  name: string | undefined,
  { yes = false, ...given }: PolicyFlags & YesFlag,
): Promise<number> {
  const app = await session.app()
  const flags = await located(session, given)
  const configuration = await app.editable()
  if (name !== undefined) refuseTaken(name, configuration)
  const { source, destination } = flags
  const missing = [
    ...(name === undefined ? ['NAME'] : []),
    ...(source === undefined ? ['--source'] : []),
    ...(destination === undefined ? ['--destination'] : []),
  ]
  let wanted = { name: name ?? '', flags }
  if (missing.length > 0) {
    if (yes || session.json || !canAsk(session)) throw unasked(missing)
    const { askPolicy } = await import('../../wizard/policy/policy.ts')
    const { configuration: file } = await session.parts.paths(session.options)
    const asked = await askPolicy({ session, app, file, configuration, before: undefined }, { name, flags })
    if (!asked) {
      session.stderr.write('nothing was written\n')
      return 0
    }
    wanted = asked
  }
  const edited = await app.edit(creation(session, wanted.name, wanted.flags))
  const next = `see what it would do: replicate plan ${wanted.name}`
  await said(session, wanted.name, edited, `created ${wanted.name}`, next)
  return 0
}

/** With references that mean in the file what they mean here. */
export async function located(session: Session, flags: PolicyFlags): Promise<PolicyFlags> {
  const { configuration } = await session.parts.paths(session.options)
  const { source, destination, values } = flags
  const inFile = (reference: string): string => referenceIn(configuration, reference, session.cwd)
  return {
    ...flags,
    ...(source === undefined ? {} : { source: inFile(source) }),
    ...(destination === undefined ? {} : { destination: destination.map(inFile) }),
    ...(values === undefined ? {} : { values: values.map((path) => pathIn(configuration, path, session.cwd)) }),
  }
}

/** The policy and, above it, who made it and when. */
function creation(session: Session, name: string, flags: PolicyFlags): readonly Edit[] {
  return [{ set: ['policies', name], to: newPolicy(flags) }, noteOf(session, name, 'created')]
}

export function noteOf(session: Session, name: string, begins: 'created' | 'changed'): Edit {
  const day = new Date(session.timer.now()).toISOString().slice(0, 10)
  return { note: ['policies', name], begins, text: `${begins} ${day} by ${printable(userName())}` }
}

/** One line, or the policy as JSON. */
export async function said(
  session: Session,
  name: string,
  { path, configuration }: Pick<Edited, 'path' | 'configuration'>,
  done: string,
  next?: string,
): Promise<void> {
  const hint = next === undefined ? '' : `  ${next}\n`
  const text = `${session.colors.green('✓')} ${printable(done)} in ${path}\n${hint}`
  const definition = (await (await session.app()).definitions(configuration))('policy', name)
  const policy = policyJson(policyOf(configuration, name), { now: session.timer.now(), definition })
  print(session, policy, () => (session.quiet ? '' : text))
}

function refuseTaken(name: string, configuration: Configuration): void {
  if (!configuration.policies.some((policy) => policy.name === name)) return
  throw new ConfigurationError(`there is a policy ${name} already`, {
    hint: `\`replicate policies update ${name}\` changes it`,
  })
}

function unasked(missing: readonly string[]): ConfigurationError {
  const verb = missing.length === 1 ? 'is' : 'are'
  return new ConfigurationError(`${missing.join(', ')} ${verb} missing, and there is no terminal to ask on`, {
    hint: 'such as: replicate policies create alpine --source "docker.io/library/alpine:3.*" --destination mirror/library',
  })
}
