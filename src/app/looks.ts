/** Lends looks to the clients of the daemon: each has adapters of its own, which end with it. */

import { dirname, join } from 'node:path'
import { adapters } from '../../adapters/index.ts'
import type { Configuration } from '../config/load.ts'
import { loadConfiguration } from '../config/load.ts'
import { abilitiesOf, type ShownAdapter } from '../core/abilities.ts'
import type { Context } from '../core/context.ts'
import { ConfigurationError, UnsupportedError } from '../core/errors.ts'
import { namespaceOf } from '../core/reference.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import { type History, openHistory } from '../history/history.ts'
import { createLongLists } from '../history/scratch.ts'
import type { Drafted, Looks, PolicyDraft } from '../serve/looks.ts'
import type { Connections } from './connections.ts'
import { createLooking, type Looking, type LookingParts } from './looking.ts'
import type { ConnectionPool } from './pool.ts'

export interface LooksParts extends Pick<LookingParts, 'guarded'> {
  readonly pool: ConnectionPool
  readonly history: History
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told each secret that comes from the environment. */
  readonly secrets: (secret: string) => void
}

export function createLooks({ pool, history, env, secrets, guarded }: LooksParts): Looks {
  let shown: Promise<readonly ShownAdapter[]> | undefined

  async function* lent<T>(use: (looking: Looking, connections: Connections) => AsyncIterable<T>): AsyncGenerator<T> {
    const { connections, release } = pool.lend()
    const lists = createLongLists()
    // Looks write nothing, also where they would note what they see for the first time.
    const readHistory = (): Promise<History> => openHistory(dirname(history.file), { readonly: true })
    try {
      yield* use(createLooking({ connections, guarded, readHistory, lists }), connections)
    } finally {
      lists.close()
      await release()
    }
  }

  return {
    drafted: (draft, configuration) => drafted(draft, configuration, env, secrets),
    matches: (policy, configuration, explain, ctx) =>
      lent((looking) => looking.matches(policy, configuration, ctx, explain)),
    plan: (policy, configuration, options, use, ctx) =>
      lent(async function* (looking) {
        yield* use(await looking.plan(policy, configuration, options, ctx))
      }),
    namespaces: (name, configuration, ctx) =>
      lent(async function* (looking, connections) {
        const names = await looking.namespaces(name, configuration, ctx)
        yield* names ?? namespacesOf(await connections.open(configuration.registryOf(name)), ctx)
      }),
    adapters() {
      shown ??= Promise.all(adapters.map(async (adapter) => ({ adapter, abilities: await abilitiesOf(adapter) })))
      return shown
    },
  }
}

/** Those that its repositories are in, where it lists these. */
async function* namespacesOf({ adapter, registry, type }: Endpoint, ctx: Context): AsyncGenerator<string> {
  if (!adapter.repositories) {
    throw new UnsupportedError(`registry ${registry.name}: ${type.name} lists neither namespaces nor repositories`)
  }
  const known = new Set<string>()
  for await (const repository of adapter.repositories({ namespaces: [], names: [] }, ctx)) {
    const namespace = namespaceOf(repository)
    if (namespace === undefined || known.has(namespace)) continue
    known.add(namespace)
    yield namespace
  }
}

/** Stands for a destination that is not known yet; it is never opened. */
const NOWHERE = 'nowhere.invalid'

/** The draft is a file of its own, beside which the others only give their registries: what else stands in them is not read. */
function drafted(
  { name, document, trusted }: PolicyDraft,
  { files, cwd, types, policyFile }: Configuration,
  env: LooksParts['env'],
  secrets: LooksParts['secrets'],
): Drafted {
  const hasDestination = document.destination !== undefined
  // A disabled one takes nothing from others; it need not be enabled for a look.
  const whole = { destination: NOWHERE, ...document, enabled: false }
  const text = JSON.stringify({ policies: { [name]: whole } })
  const path = join(dirname(policyFile(name) ?? files.at(-1)?.path ?? join(cwd, 'any')), 'the request')
  const others = files.map((file) => ({ ...file, fallback: true }))
  const configuration = loaded([{ path, text, untrusted: !trusted }, ...others], { env, cwd, types })
  for (const secret of configuration.secrets) secrets(secret)
  const policy = configuration.policies.find((one) => one.name === name)
  if (!policy) throw new ConfigurationError(`policy ${name} is not valid`)
  return { policy: { ...policy, enabled: true }, configuration, hasDestination }
}

/** Of the draft itself a problem has no place: nobody has written its lines. */
function loaded(...[files, options]: Parameters<typeof loadConfiguration>): Configuration {
  try {
    return loadConfiguration(files, options)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    const problems = error.problems.map(({ position, text, ...problem }) =>
      position?.file.endsWith('the request')
        ? problem
        : { ...problem, ...(position && { position }), ...(text && { text }) },
    )
    throw new ConfigurationError(problems, { cause: error, hint: error.hint })
  }
}
