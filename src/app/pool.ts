/** Connections of a program that runs for long: each registry's are made anew where its configuration or a file of it has changed. */

import { statSync } from 'node:fs'
import { systemClock } from '../core/cancel.ts'
import { errorCode } from '../core/errors.ts'
import type { Registry } from '../core/registry.ts'
import type { Endpoint } from '../engine/endpoint.ts'
import { type Budgets, type ConnectionOptions, type Connections, createConnections } from './connections.ts'

export interface ConnectionPool extends Connections {
  /** For one run: adapters of its own, on clients that stay open until it is released. */
  lend(): Lent
  /** An adapter that has seen nothing yet, for who closes it. */
  openAnew(registry: Registry): Promise<Endpoint>
}

export interface Lent {
  readonly connections: Connections
  release(): Promise<void>
}

/** Of one registry as it is configured. */
interface Entry {
  readonly key: string
  readonly shared: Budgets | undefined
  readonly connections: Connections
  opened: Promise<Endpoint> | undefined
}

/** What is no longer used, and who may still use it. */
interface Retired {
  readonly entry: Entry
  readonly users: Set<object>
}

/** Milliseconds for what uses connections without holding them, such as a check. */
const GRACE = 10 * 60 * 1000
/** Registries that are only named in references, of which there may be any number. */
const MOST = 500

/** `budgets`: by what limits are shared with other processes at this moment. */
export function createPool(
  options: ConnectionOptions,
  budgets: () => Budgets | undefined = () => undefined,
): ConnectionPool {
  /** By name; the one used last is the last. */
  const entries = new Map<string, Entry>()
  const retired = new Set<Retired>()
  const users = new Set<object>()
  const { keychain, programs } = createConnections(options)
  const clock = options.timing?.clock ?? systemClock
  const ending = new AbortController()

  function entryOf(registry: Registry): Entry {
    const key = keyOf(registry)
    const shared = budgets()
    const known = entries.get(registry.name)
    entries.delete(registry.name)
    const entry =
      known?.key === key && known.shared === shared
        ? known
        : { key, shared, connections: createConnections({ ...options, budgets: shared }), opened: undefined }
    entries.set(registry.name, entry)
    if (known && known !== entry) retire(known)
    const [oldest] = entries
    if (oldest && entries.size > MOST) {
      entries.delete(oldest[0])
      retire(oldest[1])
    }
    return entry
  }

  function retire(entry: Entry): void {
    const one = { entry, users: new Set(users) }
    retired.add(one)
    closeUnused(one)
  }

  function closeUnused(one: Retired): void {
    if (one.users.size > 0) return
    clock.sleep(GRACE, ending.signal).then(
      () => closeOne(one),
      // The whole pool is closed.
      () => {},
    )
  }

  async function closeOne(one: Retired): Promise<void> {
    if (retired.delete(one)) await one.entry.connections.close()
  }

  /** What each registry's own connections do, `of` says which. */
  function common(of: (registry: Registry) => Connections): Omit<Connections, 'close'> {
    return {
      keychain,
      programs,
      open: (registry) => of(registry).open(registry),
      named: (by, registry) => of(by).named(by, registry),
      typeOf: (registry) => of(registry).typeOf(registry),
      http: (registry) => of(registry).http(registry),
      credential: (registry) => of(registry).credential(registry),
      trust: (registry) => of(registry).trust(registry),
      userAgent: (registry) => of(registry).userAgent(registry),
      proxy: (registry) => of(registry).proxy(registry),
      anew: () => lend().connections,
    }
  }

  function openOnce(registry: Registry): Promise<Endpoint> {
    const entry = entryOf(registry)
    const opened = entry.opened ?? entry.connections.open(registry)
    entry.opened = opened
    // The next call tries again.
    opened.catch(() => {
      if (entry.opened === opened) entry.opened = undefined
    })
    return opened
  }

  function lend(): Lent {
    const user = {}
    users.add(user)
    const lent = new Map<Entry, Connections>()
    const close = async (): Promise<void> => {
      await Promise.all([...lent.values()].map((one) => one.close()))
    }
    const of = (registry: Registry): Connections => {
      const entry = entryOf(registry)
      const one = lent.get(entry) ?? entry.connections.anew()
      lent.set(entry, one)
      return one
    }
    const { open, ...others } = common(of)
    return {
      connections: {
        ...others,
        // A file or a directory has one adapter: what a run writes is read through it before it is complete.
        open: (registry) => (registry.url === undefined ? openOnce(registry) : open(registry)),
        close,
      },
      async release() {
        await close()
        users.delete(user)
        for (const one of retired) if (one.users.delete(user)) closeUnused(one)
      },
    }
  }

  return {
    ...common((registry) => entryOf(registry).connections),
    lend,
    openAnew: (registry) => entryOf(registry).connections.anew().open(registry),
    open: openOnce,
    async close() {
      ending.abort()
      const all = [...entries.values(), ...[...retired].map(({ entry }) => entry)]
      entries.clear()
      retired.clear()
      await Promise.all(all.map(({ connections }) => connections.close()))
    },
  }
}

/** The same for as long as the registry means the same: files that it names may be renewed in place. */
function keyOf(registry: Registry): string {
  const { ca, client_cert, client_key, credential, hook_secret: _, description: __, written: ___, ...rest } = registry
  const files = [ca, client_cert, client_key, credential?.password_file].map((file) => file && stateOf(file))
  return JSON.stringify({ ...rest, ca, client_cert, client_key, credential, files })
}

function stateOf(file: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(file)
    return `${dev} ${ino} ${size} ${mtimeMs}`
  } catch (error) {
    return errorCode(error)
  }
}
