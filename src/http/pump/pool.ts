/** Connections by origin: opened, lent, kept for a while, ended. */

import { NetworkError } from '../../core/errors.ts'
import { createGuard } from '../guard.ts'
import { type AgentOptions, CONNECT_TIMEOUT, towardsOthers } from '../proxy/agent.ts'
import { secureContext } from '../trust/context.ts'
import { Connection, type ConnectOptions } from './connection.ts'

export interface PumpOptions extends AgentOptions {
  /** How many idle connections to one origin are kept; default 32. */
  readonly connections?: number | undefined
  /** Bodies are read into memory that other threads see, too. */
  readonly shared?: boolean | undefined
}

export interface Pool {
  /** An idle connection, the one used last, or undefined. */
  take(url: URL): Connection | undefined
  /** A new one, not yet standing: `ready` tells. Throws a `NetworkError` for an address that the registry must not name. */
  open(url: URL): { readonly connection: Connection; readonly ready: Promise<void> }
  /** Takes back a connection whose answer is over, to be kept for `keep` milliseconds; 0 ends it. */
  give(url: URL, connection: Connection, keep: number): void
  close(): void
}

/** `limit`: how many idle connections to one origin are kept. */
export function createPool(options: PumpOptions, limit: number): Pool {
  const idle = new Map<string, Connection[]>()
  const lent = new Set<Connection>()
  const guard = createGuard(options.guard ?? {})
  const { insecure, shared } = options
  const common = { shared, connectTimeout: CONNECT_TIMEOUT }

  /** The machine's authorities are read only where there is TLS. */
  function connecting(url: URL): ConnectOptions {
    const lookup = guard.lookupFor(url)
    if (url.protocol !== 'https:') return { ...common, lookup }
    return guard.isOwn(url)
      ? { ...common, lookup, insecure, secureContext: secureContext(options) }
      : { ...common, lookup, secureContext: secureContext(towardsOthers(options)) }
  }

  let closed = false

  function idleTo(url: URL): Connection[] {
    const known = idle.get(url.origin) ?? []
    idle.set(url.origin, known)
    return known
  }

  return {
    take(url) {
      const connection = idle.get(url.origin)?.pop()
      if (!connection) return undefined
      connection.unpark()
      lent.add(connection)
      return connection
    },
    open(url) {
      const opened = Connection.open(url, connecting(url))
      lent.add(opened.connection)
      return opened
    },
    give(url, connection, keep) {
      lent.delete(connection)
      const parked = idleTo(url)
      if (closed || keep === 0 || !connection.usable || !connection.drained || parked.length >= limit) {
        connection.destroy()
        return
      }
      parked.push(connection)
      connection.park(keep, () => {
        const index = parked.indexOf(connection)
        if (index >= 0) parked.splice(index, 1)
      })
    },
    close() {
      closed = true
      const error = new NetworkError('the connection to the registry has been closed', { retryable: false })
      for (const connection of [...lent, ...[...idle.values()].flat()]) connection.destroy(error)
      lent.clear()
      idle.clear()
    },
  }
}
