/** Registries as clients see them: opened anew now and then, as an adapter remembers what it saw when it was opened. */

import { after } from '../../../core/cancel.ts'
import type { Registry } from '../../../core/registry.ts'
import type { Endpoint } from '../../../engine/endpoint.ts'
import type { Program } from '../../parts.ts'

/** Owns the adapters that it opens, and closes them. */
export interface Openings {
  /** One that has seen nothing yet. A directory or a file has a single adapter, which is not closed here. */
  open(registry: Registry): Promise<Endpoint>
  /** No one looks for it any more. What has begun with it may end. */
  leave(endpoint: Endpoint): void
  leaveAll(): void
  close(): Promise<void>
}

/** How long what has begun may take to end, in milliseconds. */
const GRACE_MS = 60_000

/** Nothing waits for its end yet. */
const IN_USE = (): void => {}

export function createOpenings(program: Pick<Program, 'open' | 'openAnew'>): Openings {
  /** What is still to be closed, and what ends the wait for that. */
  const opened = new Map<Endpoint, () => void>()

  async function close(endpoint: Endpoint): Promise<void> {
    opened.get(endpoint)?.()
    if (opened.delete(endpoint)) await endpoint.adapter.close?.()
  }

  function leave(endpoint: Endpoint): void {
    const isWaiting = opened.get(endpoint) !== IN_USE
    if (!opened.has(endpoint) || isWaiting) return
    const end = (): void => {
      // What cannot be closed is of no use to anyone.
      close(endpoint).catch(() => {})
    }
    opened.set(endpoint, after(GRACE_MS, end, true))
  }

  return {
    leave,
    leaveAll() {
      for (const endpoint of opened.keys()) leave(endpoint)
    },
    async open(registry) {
      if (registry.url === undefined) return program.open(registry)
      const endpoint = await program.openAnew(registry)
      opened.set(endpoint, IN_USE)
      return endpoint
    },
    async close() {
      await Promise.allSettled([...opened.keys()].map(close))
    },
  }
}
