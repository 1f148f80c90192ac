/** A daemon that takes webhooks and does nothing with them but count: the real listener, routes and adapters. */

import { createHmac } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { createConnections } from '../../../src/app/connections.ts'
import { defaultServe, type ServeSettings } from '../../../src/config/serve.ts'
import type { RegistryEvent } from '../../../src/core/adapter.ts'
import type { Registry } from '../../../src/core/registry.ts'
import { secret } from '../../../src/core/secret.ts'
import { createRedactor } from '../../../src/http/redact.ts'
import { startHooks } from '../../../src/serve/hooks/hooks.ts'
import { createListener } from '../../../src/serve/http/listener.ts'
import type { Daemon, ServeNews } from '../../../src/serve/parts.ts'
import { temporaryDirectory } from '../../support/temporary.ts'

export const SECRET = 'correct+horse/battery='

export interface Hooked {
  readonly url: string
  readonly taken: readonly RegistryEvent[]
  readonly news: readonly ServeNews[]
  /** Milliseconds. */
  pass(time: number): void
  drain(): void
  /** The history cannot be written from now on. */
  fail(): void
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

/** Registries by name; those that do not say otherwise have the secret, and those that say null have none. */
export async function hooked(
  registries: Readonly<
    Record<string, Omit<Partial<Registry>, 'hook_secret'> & { hook_secret?: Registry['hook_secret'] | null }>
  > = { it: {} },
  settings: Partial<ServeSettings> = {},
): Promise<Hooked> {
  const named = new Map(
    Object.entries(registries).map(([name, { hook_secret = secret(SECRET), ...given }]): [string, Registry] => {
      const registry = { name, type: 'docker-registry', url: 'http://127.0.0.1:9', ...given }
      return [name, hook_secret === null ? registry : { ...registry, hook_secret }]
    }),
  )
  const taken: RegistryEvent[] = []
  const news: ServeNews[] = []
  const end = new AbortController()
  let now = Date.now()
  let draining = false
  let failing = false
  const clock = { now: () => now, monotonic: () => now, sleep: async () => {} }
  const connections = createConnections({
    cwd: temporaryDirectory(),
    env: { HOME: temporaryDirectory() },
    redactor: createRedactor(),
    userAgent: 'replicate-test',
    warn: () => {},
    timing: { clock },
  })
  const listener = await createListener({ ...defaultServe(), host: '127.0.0.1', port: 0 }, () => {})
  const daemon = {
    program: { clock, typeOf: connections.typeOf, open: connections.open },
    current: () => ({
      configuration: { registries: named, policies: [] },
      settings: { ...defaultServe(), ...settings },
      broken: undefined,
    }),
    http: listener.app,
    tell: (one: ServeNews) => void news.push(one),
    draining: () => draining,
    signal: end.signal,
    events: {
      take(_registry: string, events: readonly RegistryEvent[]) {
        if (failing) throw new Error('the disk is full')
        taken.push(...events)
        return events.length
      },
    },
  } as unknown as Daemon
  await startHooks(daemon)
  const url = await listener.listen()
  onTestFinished(async () => {
    end.abort()
    await listener.close(0)
    await connections.close()
  })
  return {
    url,
    taken,
    news,
    pass: (time) => {
      now += time
    },
    drain: () => {
      draining = true
    },
    fail: () => {
      failing = true
    },
    async post(path, body, headers = {}, method = 'POST') {
      const sent = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
      const given = { 'content-type': 'application/json', ...headers }
      const response = await fetch(`${url}${path}`, {
        method,
        headers: given,
        ...(method === 'POST' ? { body: sent } : {}),
      })
      const text = await response.text()
      return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
    },
  }
}

export const bearer = (text = SECRET) => ({ authorization: `Bearer ${text}` })
export const basic = (text = SECRET) => ({ authorization: `Basic ${Buffer.from(`any:${text}`).toString('base64')}` })
export const hmac = (body: string, key = SECRET) => createHmac('sha256', key).update(body).digest('hex')

/** Of distribution. */
export function pushOf(repository = 'team/app', tag = 'v1', id = 'e1') {
  const digest = `sha256:${'a'.repeat(64)}`
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const event = {
    id,
    timestamp: new Date().toISOString(),
    action: 'push',
    target: { mediaType, digest, repository, tag },
  }
  return { events: [event] }
}
