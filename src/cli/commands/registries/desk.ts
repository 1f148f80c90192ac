/** What adding a registry works with, by options and by questions: the draft, its check, and its test. */

import type { App } from '../../../app/app.ts'
import type { Edit } from '../../../config/edit/edit.ts'
import type { Configuration } from '../../../config/load.ts'
import type { AdapterType, PingStep } from '../../../core/adapter.ts'
import { ConfigurationError } from '../../../core/errors.ts'
import type { Registry } from '../../../core/registry.ts'
import type { WrittenCredential } from '../../../credentials/kinds.ts'
import type { YesFlag } from '../../prompt/prompt.ts'
import { quietContext, type Session } from '../../session.ts'
import { stepLine } from './ping.ts'
import type { Places } from './places.ts'
import { type SettingFlags, settingEdits, settingsOf } from './settings.ts'

export interface AddFlags extends SettingFlags, YesFlag {
  readonly passwordStdin?: boolean
  readonly test?: boolean
}

/** What is to be added. */
export interface NewRegistry {
  readonly name: string
  readonly flags: SettingFlags
  readonly credential?: WrittenCredential | undefined
  /** The credential is for the keychain, not only for the test. */
  readonly keep: boolean
  /** What is to be set where the program runs, as `NAME=…`. */
  readonly first?: string | undefined
}

/** What the commands of this file work with. */
export interface Desk {
  readonly session: Session
  readonly app: App
  readonly configuration: Configuration
  readonly adapters: readonly AdapterType[]
  readonly places: Places
}

export async function deskOf(session: Session): Promise<Desk> {
  const app = await session.app()
  const [configuration, adapters, paths] = await Promise.all([
    app.editable(),
    session.parts.adapters(),
    session.parts.paths(session.options),
  ])
  return { session, app, configuration, adapters, places: { cwd: session.cwd, file: paths.configuration } }
}

export function refuseKnown(configuration: Configuration, name: string): void {
  if (!configuration.registries.has(name)) return
  throw new ConfigurationError(`a registry is named ${name} already`, {
    hint: `change it: replicate registries update ${name}, or choose another name`,
  })
}

/** The registry as the configuration will have it. Throws a `ConfigurationError` for what is wrong with it. */
export async function checked(desk: Desk, draft: NewRegistry): Promise<Registry> {
  const { configuration } = await desk.app.edit(editsOf(desk, draft), { dry: true })
  return configuration.registryOf(draft.name)
}

export function editsOf({ adapters, places, configuration }: Desk, { name, flags }: NewRegistry): readonly Edit[] {
  const type = flags.type ?? configuration.registries.get(name)?.type
  return settingEdits(name, settingsOf(flags, takenBy(type, adapters), places))
}

/** The kinds of credential that a type of registry takes. */
export function takenBy(type: string | undefined, adapters: readonly AdapterType[]): readonly string[] {
  return adapters.find(({ identity }) => identity === type)?.credentials ?? []
}

/** Throws where a variable is not set that the registry needs: its name would stand for its value. */
export function refuseUnset(registry: Registry): void {
  const [, name] = /\$\{([A-Za-z_]\w*)\}/.exec(JSON.stringify(registry)) ?? []
  if (name === undefined) return
  throw new ConfigurationError(`${registry.name} needs the environment variable ${name}, which is not set`, {
    hint: `set it here, too, so that ${registry.name} can be asked`,
  })
}

/** Tries it, and shows each step on standard error. */
export async function tried(
  { session, app }: Desk,
  { credential }: NewRegistry,
  registry: Registry,
): Promise<readonly PingStep[]> {
  if (!credential) refuseUnset(registry)
  const show = !session.quiet && !session.json
  return app.tryOut(registry, credential, quietContext(session), (step) => {
    if (show || !step.ok) session.stderr.write(stepLine(step, session.errorColors, session.stderr.columns))
  })
}
