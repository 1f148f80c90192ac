/** What asks a registry how it is: whether it answers, whether it takes a credential, and how it was last time. */

import type { Configuration } from '../config/load.ts'
import type { PingStep } from '../core/adapter.ts'
import type { Context } from '../core/context.ts'
import { HistoryError, notBegun } from '../core/errors.ts'
import { placeOf, type Registry, type RegistryStatus } from '../core/registry.ts'
import { credentialOf, type WrittenCredential } from '../credentials/kinds.ts'
import type { Handshake } from '../http/trust/handshake.ts'
import { type ConnectionOptions, type Connections, createConnections } from './connections.ts'
import { type FoundCredential, foundCredential, peerOf, pingRegistry, signIn, statusesIn } from './ping.ts'
import type { Records } from './records.ts'

export interface Checking {
  /** Told each step as it ends; the history keeps how the registry was. */
  ping(
    registry: string,
    configuration: Configuration,
    ctx: Context,
    ended?: (step: PingStep) => void,
  ): Promise<readonly PingStep[]>
  /** As `ping`, of a registry that is not configured yet, with a credential that the keychain does not have yet. */
  tryOut(
    registry: Registry,
    credential: WrittenCredential | undefined,
    ctx: Context,
    ended?: (step: PingStep) => void,
  ): Promise<readonly PingStep[]>
  /** The certificates that the server at an https URL shows, trusted or not. */
  peer(url: string, ctx: Context): Promise<Handshake>
  /** How registries were when they were last checked, by name; those that have never been are left out. */
  statuses(registries: Iterable<Registry>): Promise<ReadonlyMap<string, RegistryStatus>>
  /** Where the registry's credential comes from. Throws where that cannot be determined. */
  credential(registry: string, configuration: Configuration, ctx: Context): Promise<FoundCredential>
  /** Throws what went wrong, where the registry does not accept it. */
  signIn(registry: string, configuration: Configuration, ctx: Context): Promise<void>
}

export interface CheckingParts {
  /** What connections are made of, for those of a registry that is not configured yet. */
  readonly about: ConnectionOptions
  readonly connections: Connections
  /** Removes secrets from events. */
  readonly guarded: (ctx: Context) => Context
  readonly records: Records
}

export function createChecking({ about, connections, guarded, records }: CheckingParts): Checking {
  /** A check is worth something also where its result cannot be kept. */
  async function keepStatus(registry: Registry, steps: readonly PingStep[], ctx: Context): Promise<void> {
    const reason = steps.find(({ ok }) => !ok)?.detail
    try {
      const { registries } = await records.history()
      registries.keepStatus(registry.name, placeOf(registry), reason)
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error
      ctx.emit({ type: 'log', level: 'warning', text: error.message })
    }
  }

  return {
    async ping(name, configuration, ctx, ended) {
      const registry = configuration.registryOf(name)
      const steps = await pingRegistry(registry, connections, guarded(ctx), ended)
      await keepStatus(registry, steps, ctx)
      return steps
    },
    async tryOut(registry, credential, ctx, ended) {
      const from = { origin: 'what was entered', whose: 'what was entered' }
      const entered = credential && credentialOf(credential, from, { secrets: about.redactor.add })
      const trial = createConnections({ ...about, ...(entered ? { credential: entered } : {}) })
      try {
        const steps = await pingRegistry(registry, trial, guarded(ctx), ended)
        await keepStatus(registry, steps, ctx)
        return steps
      } finally {
        await trial.close()
      }
    },
    peer: (url, ctx) => peerOf(url, about.env, ctx),
    async statuses(registries) {
      const history = await records.readHistory()
      try {
        return statusesIn(history, registries)
      } finally {
        history.close()
      }
    },
    async credential(name, configuration, ctx) {
      // Hears the warnings of the search.
      guarded(ctx)
      return foundCredential(configuration.registryOf(name), connections)
    },
    async signIn(name, configuration, ctx) {
      await signIn(configuration.registryOf(name), connections, guarded(ctx)).catch((error: unknown) => {
        throw notBegun(error)
      })
    },
  }
}
