/** Opens a registry for the contract of adapters as the program does, and what a test does with it by hand. */

import { onTestFinished } from 'vitest'
import { type Connections, createConnections } from '../../src/app/connections.ts'
import type { ListedTag } from '../../src/core/adapter.ts'
import type { Context } from '../../src/core/context.ts'
import type { Event } from '../../src/core/events.ts'
import type { Endpoint } from '../../src/engine/endpoint.ts'
import { createRedactor } from '../../src/http/redact.ts'
import type { Artifact } from '../support/images.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { AdapterUnderTest } from './adapter/specimen.ts'

export interface Opened {
  readonly endpoint: Endpoint
  readonly ctx: Context
  readonly events: readonly Event[]
  /** Said while the registry was opened or signed in to. */
  readonly warnings: readonly string[]
  readonly connections: Connections
}

/** Opens a registry as the program does, with a clock that does not wait. */
export async function connect({ registry, env }: Pick<AdapterUnderTest, 'registry' | 'env'>): Promise<Opened> {
  const events: Event[] = []
  const warnings: string[] = []
  let now = Date.now()
  const connections = createConnections({
    cwd: temporaryDirectory(),
    env: { HOME: temporaryDirectory(), ...env },
    redactor: createRedactor(),
    userAgent: 'replicate-test',
    warn: (text) => warnings.push(text),
    timing: {
      random: () => 0,
      clock: {
        now: () => now,
        monotonic: () => now,
        sleep: async (milliseconds) => {
          now += milliseconds
        },
      },
    },
  })
  onTestFinished(() => connections.close())
  const ctx = { signal: new AbortController().signal, emit: (event: Event) => events.push(event) }
  return { endpoint: await connections.open(registry), ctx, events, warnings, connections }
}

/** Tags and digests as the planner would learn them: by the adapter's own listing, else tag by tag. */
export async function digestsIn(
  { adapter }: Endpoint,
  repository: string,
  ctx: Context,
): Promise<readonly (readonly [string, string])[]> {
  if (adapter.listTags) {
    const infos = await collect<ListedTag>(adapter.listTags(repository, ctx))
    const found = infos.map(async (info): Promise<readonly (readonly [string, string])[]> => {
      if (typeof info === 'string')
        return [[info, (await adapter.repository(repository).resolve(info, ctx))?.digest ?? '']]
      return info.tag === undefined ? [] : [[info.tag, info.digest ?? '']]
    })
    return (await Promise.all(found)).flat()
  }
  const store = adapter.repository(repository)
  const tags = await collect(store.tags(ctx))
  return Promise.all(tags.map(async (tag) => [tag, (await store.resolve(tag, ctx))?.digest ?? ''] as const))
}

/** Makes what must be there before the first push. */
export async function prepared({ adapter }: Endpoint, repository: string, ctx: Context): Promise<void> {
  const namespace = repository.split('/').slice(0, -1).join('/')
  if (namespace !== '') await adapter.ensureNamespace?.(namespace, { public: false }, ctx)
  await adapter.ensureRepository?.(repository, { public: false }, ctx)
}

export async function push(
  { adapter }: Endpoint,
  repository: string,
  tag: string,
  artifact: Artifact,
  ctx: Context,
): Promise<void> {
  const store = adapter.repository(repository)
  for (const [digest, bytes] of artifact.blobs) {
    const blob = { digest, size: bytes.length, mediaType: 'application/octet-stream' }
    if (await store.hasBlob(blob, ctx)) continue
    await store.writeBlob(blob, async (offset) => chunks(bytes.subarray(offset)), ctx)
  }
  await store.writeManifest(artifact, tag, ctx)
}

async function* chunks(bytes: Uint8Array) {
  yield bytes
}

export async function contentOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of body) parts.push(Buffer.from(chunk))
  return Buffer.concat(parts)
}

export async function collect<T>(items: AsyncIterable<T> | Iterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
