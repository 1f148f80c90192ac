/** The clients of connections: one for each registry and API, shared by all who use it.
 *
 *  Content may name any number of registries. The client of one that only content names is owned by the scopes that use it; once there are
 *  more than a few without a user, the one that was used longest ago is closed. */

import type { HttpClient } from '../core/http.ts'

export interface Clients {
  /** `user`: a scope that has met the registry in content; undefined: the client stays open to the end. */
  take(key: string, user: object | undefined, make: () => HttpClient): HttpClient
  /** Called when a scope ends: it uses none of its clients any more. */
  release(user: object): Promise<void>
  close(): Promise<void>
}

interface Kept {
  readonly client: HttpClient
  /** Undefined: it stays open to the end. */
  users: Set<object> | undefined
}

/** Clients without a user that stay open, with their tokens, for the next run that meets the same registries. */
const MOST_UNUSED = 50

export function createClients(): Clients {
  /** The one that was taken last is the last. */
  const all = new Map<string, Kept>()
  return {
    take(key, user, make) {
      const kept = all.get(key) ?? { client: make(), users: new Set() }
      if (user === undefined) kept.users = undefined
      else kept.users?.add(user)
      all.delete(key)
      all.set(key, kept)
      return kept.client
    },
    async release(user) {
      for (const { users } of all.values()) users?.delete(user)
      const unused = [...all].filter(([, { users }]) => users?.size === 0)
      const closed = unused.slice(0, Math.max(0, unused.length - MOST_UNUSED))
      for (const [key] of closed) all.delete(key)
      await Promise.allSettled(closed.map(([, { client }]) => client.close()))
    },
    async close() {
      await Promise.all([...all.values()].map(({ client }) => client.close()))
    },
  }
}
