/** A connection from a test to a registry, with the program's own HTTP client and no waiting between attempts. */

import type { Adapter } from '../../../src/core/adapter.ts'
import type { Context } from '../../../src/core/context.ts'
import type { Event } from '../../../src/core/events.ts'
import type { SentCredential } from '../../../src/core/registry.ts'
import { createHttpClient } from '../../../src/http/client.ts'
import { ociRegistry, type RegistryFacts } from '../../../src/oci/registry/registry.ts'
import { type MemoryRegistry, type MemoryRegistryOptions, startMemoryRegistry } from '../../support/memory-registry.ts'

export interface Connected {
  readonly adapter: Adapter
  readonly ctx: Context
  readonly events: Event[]
  readonly stop: AbortController
}

/** What runs at the end of a test, last things first. */
export const endings: (() => Promise<void>)[] = []

export async function end(): Promise<void> {
  for (const ending of endings.splice(0).reverse()) await ending()
}

export async function memoryRegistry(options: MemoryRegistryOptions = {}): Promise<MemoryRegistry> {
  const registry = await startMemoryRegistry(options)
  endings.push(() => registry.close())
  return registry
}

export function connect(
  url: string,
  facts: RegistryFacts = {},
  credential: SentCredential = { kind: 'anonymous', origin: 'none' },
): Connected {
  const wait = async (): Promise<void> => {}
  const http = () =>
    createHttpClient({
      url,
      host: new URL(url).host,
      credential: async () => credential,
      userAgent: 'replicate-test',
      secrets: () => {},
      clock: { now: Date.now, monotonic: () => performance.now(), sleep: wait },
    })
  const tools = { http, api: http, credential: async () => credential }
  const adapter = ociRegistry({ name: 'test', type: 'docker-registry', url }, tools, {
    retry: { attempts: 3, wait },
    ...facts,
  })
  endings.push(async () => adapter.close?.())
  const events: Event[] = []
  const stop = new AbortController()
  return { adapter, events, stop, ctx: { signal: stop.signal, emit: (event) => events.push(event) } }
}

export async function collect<T>(values: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

export async function bytesOf(values: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = []
  // A chunk's buffer is used again.
  for await (const chunk of values) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
