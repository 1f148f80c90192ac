/** `replicate verify oci:DIR`: checks the content of one place by itself, such as a directory that was carried. */

import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { App, Damage, Soundness } from '../../../app/app.ts'
import { isHost, isLayoutPlace } from '../../../config/hosts.ts'
import type { Configuration } from '../../../config/load.ts'
import { CancelledError, ConfigurationError, ReplicateError } from '../../../core/errors.ts'
import { formatBytes } from '../../../core/size.ts'
import { worstExitCode } from '../../exit-code.ts'
import type { VerifyFlags } from '../../options.ts'
import { recordedError, renderError } from '../../render/error.ts'
import { plural, printable } from '../../render/format.ts'
import { jsonDocument } from '../../render/json.ts'
import { quietContext, type Session } from '../../session.ts'

/** Something is missing or damaged, or what is named is not there. */
const UNSOUND = 1

/** A place's part of `verify --json`. */
interface Checked extends Partial<Soundness> {
  readonly place: string
  readonly error: unknown
}

/** Those of the targets that name a place, and neither a file nor a policy. */
export async function placesIn(targets: readonly string[], app: App, cwd: string): Promise<readonly string[]> {
  const places: string[] = []
  let configuration: Configuration | undefined
  for (const target of targets) {
    const [first = '', ...rest] = target.split('/')
    if (isLayoutPlace(target)) places.push(target)
    else if (rest.length > 0 && !/\.ya?ml$/i.test(target) && !(await exists(resolve(cwd, target)))) {
      configuration ??= await app.configuration([])
      if (isHost(first) || configuration.registries.has(first)) places.push(target)
    }
  }
  return places
}

/** Exit status 0 if all of them are sound. One that cannot be read does not stop the others. */
export async function verifyPlaces(
  session: Session,
  app: App,
  targets: readonly string[],
  places: readonly string[],
  flags: VerifyFlags,
): Promise<number> {
  checkFlags(targets, places, flags)
  const { full = false, workers } = flags
  const configuration = await app.configuration([], { workers })
  const ctx = quietContext(session)
  const checked: Checked[] = []
  const codes: number[] = []
  for (const place of places) {
    if (!session.json && !session.quiet) session.stdout.write(`${session.colors.bold(printable(place))}\n`)
    try {
      const { policy, isPlace } = await session.parts.look(place, configuration)
      const show = (damage: Damage): void => {
        if (!session.json) session.stdout.write(damageLine(damage, session))
      }
      const result = await app.verifyAlone(policy, configuration, { full, ...(workers && { workers }) }, show, ctx)
      const isMissing = result.artifacts === 0 && !isPlace
      if (isMissing && !session.json) session.stderr.write(`error: nothing matches ${printable(place)}\n`)
      else if (!session.json && !session.quiet) session.stdout.write(`${totals(result, session)}\n`)
      checked.push({ ...result, error: null })
      codes.push(isMissing || result.differences.length > 0 ? UNSOUND : 0)
    } catch (error) {
      if (!(error instanceof ReplicateError) || error instanceof CancelledError) throw error
      if (!session.json) session.stderr.write(renderError(error, session.errorColors))
      checked.push({ place, error: recordedError(error) })
      codes.push(error.exitCode)
    }
  }
  if (session.json) session.stdout.write(jsonDocument({ places: checked }))
  return worstExitCode(codes)
}

function checkFlags(targets: readonly string[], places: readonly string[], flags: VerifyFlags): void {
  if (places.length < targets.length) {
    throw new ConfigurationError('places do not mix with files and policies', {
      hint: `check ${places.join(' ')} in a call of its own`,
    })
  }
  const { repair, policy, filter, shard } = flags
  const given = Object.entries({ '--repair': repair, '--policy': policy, '--filter': filter, '--shard': shard })
  const [wrong] = given.find(([, value]) => value !== undefined) ?? []
  if (wrong !== undefined) throw new ConfigurationError(`${wrong} is for policies, not for ${places.join(' ')}`)
}

/** `  ✗ library/redis:7  missing blob sha256:… (12.1 MiB) in sha256:…`. */
function damageLine({ image, message }: Damage, { colors }: Session): string {
  return `  ${colors.red('✗')} ${printable(image)}  ${printable(message)}\n`
}

function totals({ artifacts, blobs, bytes, differences }: Soundness, { colors }: Session): string {
  const seen = `${plural(artifacts, 'artifact')}, ${plural(blobs, 'blob')} (${formatBytes(bytes)}) checked`
  if (differences.length === 0) return `${seen}, ${colors.green('all sound')}`
  const images = new Set(differences.map(({ image }) => image)).size
  return `${seen}, ${colors.red(`${plural(differences.length, 'difference')} in ${images}`)}`
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
