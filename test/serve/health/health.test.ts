/** The health of registries: how often each is asked, when it counts as down, and who is told. */

import { hostname } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import type { Adapter } from '../../../src/core/adapter.ts'
import type { Context } from '../../../src/core/context.ts'
import { NetworkError, RegistryError } from '../../../src/core/errors.ts'
import type { PostRequest } from '../../../src/core/http.ts'
import type { Registry } from '../../../src/core/registry.ts'
import { startHealth } from '../../../src/serve/health/health.ts'
import type { Part } from '../../../src/serve/parts.ts'
import { type DaemonDouble, daemonDouble } from '../daemon-double.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

const ONE = `registries:\n  hub: { type: docker-registry, url: 'https://hub.example.com' }\n`

interface Scene {
  readonly daemon: DaemonDouble
  readonly part: Part
  /** Names of registries, in the order they were asked, with the minute. */
  readonly asked: readonly { readonly name: string; readonly at: number }[]
  /** What registries answer from now on, by name. */
  readonly down: Map<string, Error>
  readonly posted: readonly PostRequest[]
}

interface Options {
  readonly yaml?: string
  readonly ping?: (registry: Registry, signal: AbortSignal) => Promise<void>
  readonly before?: (daemon: DaemonDouble) => void
  readonly env?: Readonly<Record<string, string>>
  readonly post?: (request: PostRequest, signal: AbortSignal) => Promise<{ status: number; text: string }>
}

async function scene({ yaml = ONE, ping, before, env, post: answer }: Options = {}): Promise<Scene> {
  const asked: { name: string; at: number }[] = []
  const down = new Map<string, Error>()
  const posted: PostRequest[] = []
  const open = async (registry: Registry) => {
    const adapter: Pick<Adapter, 'ping'> = {
      async ping({ signal }) {
        asked.push({ name: registry.name, at: daemon.clock.monotonic() })
        await ping?.(registry, signal)
        const error = down.get(registry.name)
        if (error) throw error
      },
    }
    return { registry, type: {}, adapter } as never
  }
  const post = async (request: PostRequest, { signal }: Context) => {
    posted.push(request)
    if (answer) return answer(request, signal)
    return { status: 200, text: '200' }
  }
  const daemon = await daemonDouble(yaml, { open, outside: { post } }, env)
  before?.(daemon)
  const part = startHealth(daemon)
  onTestFinished(async () => {
    daemon.end()
    await part.ended()
  })
  return { daemon, part, asked, down, posted }
}

const refused = new NetworkError('connection refused', { hint: 'is it running?' })

function statusOf({ history }: DaemonDouble) {
  return history.registries.status('hub', 'https://hub.example.com')
}

test('each registry is checked at its interval, and the history keeps the last check', async () => {
  const { daemon, asked } = await scene()
  await daemon.clock.advance(10 * MINUTE)
  expect(asked.map(({ at }) => at / MINUTE)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(statusOf(daemon)).toEqual({
    status: 'healthy',
    reason: undefined,
    since: '2026-01-01T00:00:00.000Z',
    checked_at: '2026-01-01T00:10:00.000Z',
  })
  expect(daemon.news).toEqual([])
})

test('bare hosts of enabled policies are checked, too; directories are not', async () => {
  const policies = `policies:
  one: { source: 'one.example.com/app:1', destination: 'oci:./dir' }
  two: { source: 'two.example.com/app:1', destination: hub/mirror }
  off: { enabled: false, source: 'three.example.com/app:1', destination: hub/mirror }
`
  const { daemon, asked } = await scene({ yaml: ONE + policies })
  await daemon.clock.advance(30 * SECOND)
  expect(asked.map(({ name }) => name).sort()).toEqual(['hub', 'one.example.com', 'two.example.com'])
})

test('many registries are asked one after another, at most four at once', async () => {
  const names = Array.from({ length: 120 }, (_, index) => `r${index}`)
  const lines = names.map((name) => `  ${name}: { type: docker-registry, url: 'https://${name}.example.com' }\n`)
  let open = 0
  let most = 0
  const waiting: (() => void)[] = []
  const { daemon, asked } = await scene({
    yaml: `registries:\n${lines.join('')}`,
    ping: async () => {
      open += 1
      most = Math.max(most, open)
      await new Promise<void>((resolve) => waiting.push(resolve))
      open -= 1
    },
  })
  await daemon.clock.advance(MINUTE)
  expect(asked).toHaveLength(4)
  while (asked.length < 120 || waiting.length > 0) {
    for (const answer of waiting.splice(0)) answer()
    await daemon.clock.advance(0)
  }
  expect(most).toBe(4)
  expect(new Set(asked.map(({ name }) => name)).size).toBe(120)
})

test('the first checks are spread over the interval', async () => {
  const lines = Array.from({ length: 120 }, (_, at) => `  r${at}: { type: docker-registry, url: 'https://r${at}.x' }\n`)
  const { daemon, asked } = await scene({ yaml: `registries:\n${lines.join('')}` })
  await daemon.clock.advance(30 * SECOND - 1)
  expect(asked).toHaveLength(60)
  await daemon.clock.advance(30 * SECOND)
  expect(asked).toHaveLength(120)
})

test('one failure is no change: only the second in a row makes a registry unhealthy', async () => {
  const { daemon, down, asked } = await scene()
  await daemon.clock.advance(MINUTE - 1)
  down.set('hub', refused)
  await daemon.clock.advance(1)
  expect(statusOf(daemon)?.status).toBe('healthy')
  down.clear()
  await daemon.clock.advance(30 * SECOND)
  expect(asked.map(({ at }) => at)).toEqual([0, MINUTE, MINUTE + 10 * SECOND])
  expect(daemon.news).toEqual([])

  down.set('hub', refused)
  await daemon.clock.advance(MINUTE)
  expect(statusOf(daemon)).toMatchObject({ status: 'unhealthy', reason: 'connection refused; is it running?' })
  expect(daemon.news).toEqual([
    { type: 'registry_changed', registry: 'hub', healthy: false, reason: 'connection refused; is it running?' },
  ])
})

test('one that is down is asked less and less often, and is healthy again with the second answer in a row', async () => {
  const { daemon, down, asked } = await scene()
  down.set('hub', refused)
  await daemon.clock.advance(20 * MINUTE)
  expect(asked.map(({ at }) => at / SECOND)).toEqual([0, 10, 130, 370, 670, 970])
  expect(statusOf(daemon)).toMatchObject({ since: '2026-01-01T00:00:10.000Z', checked_at: '2026-01-01T00:16:10.000Z' })
  down.clear()
  await daemon.clock.advance(71 * SECOND)
  expect(statusOf(daemon)?.status).toBe('unhealthy')
  await daemon.clock.advance(10 * SECOND)
  expect(statusOf(daemon)).toMatchObject({ status: 'healthy', since: '2026-01-01T00:21:20.000Z' })
  expect(daemon.news.map((one) => 'healthy' in one && one.healthy)).toEqual([false, true])
  const { length } = asked
  await daemon.clock.advance(MINUTE)
  expect(asked).toHaveLength(length + 1)
})

test('a registry that flaps tells nothing', async () => {
  let round = 0
  const { daemon } = await scene({
    ping: async () => {
      round += 1
      if (round % 2 === 0) throw refused
    },
  })
  await daemon.clock.advance(60 * MINUTE)
  expect(round).toBeGreaterThan(50)
  expect(daemon.news).toEqual([])
})

test('a change that happened while nothing ran is told at start', async () => {
  const before = ({ history }: DaemonDouble): void =>
    void history.registries.keepStatus('hub', 'https://hub.example.com', 'was down')
  const { daemon } = await scene({ before })
  await daemon.clock.advance(20 * SECOND)
  expect(daemon.news).toEqual([{ type: 'registry_changed', registry: 'hub', healthy: true }])
})

test('a reload begins with new registries and forgets those that are gone', async () => {
  const { daemon, part, asked } = await scene()
  await daemon.clock.advance(10 * SECOND)
  await daemon.reload(`registries:\n  other: { type: docker-registry, url: 'https://other.example.com' }\n`, part)
  await daemon.clock.advance(5 * MINUTE)
  expect(asked.filter(({ name }) => name === 'hub')).toHaveLength(1)
  expect(asked.filter(({ name }) => name === 'other')).toHaveLength(6)
  expect(daemon.clock.sleeping).toBe(1)
  daemon.end()
  await part.ended()
  expect(daemon.clock.sleeping).toBe(0)
})

test('the end of the daemon stops a check that is under way, which says nothing of the registry', async () => {
  const { daemon, part } = await scene({ ping: () => new Promise(() => {}) })
  await daemon.clock.advance(0)
  daemon.end()
  await part.ended()
  expect(statusOf(daemon)).toBeUndefined()
})

test('changes are sent where `serve: notify` says, as a CloudEvent and as a text', async () => {
  const notify = `serve:
  notify:
    - { on: [unhealthy, healthy], webhook: 'https://told.example.com/hook', secret: "\${KEY}" }
    - { on: unhealthy, slack: "\${CHAT}" }
`
  const env = { KEY: 'signing-key', CHAT: 'https://chat.example.com/services/T1' }
  const { daemon, down, posted } = await scene({ yaml: ONE + notify, env })
  down.set('hub', new RegistryError('<503>', { status: 503, method: 'GET', path: '/v2/' }))
  await daemon.clock.advance(MINUTE)
  expect(posted.map(({ url }) => url)).toEqual([
    'https://told.example.com/hook',
    'https://chat.example.com/services/T1',
  ])
  expect(JSON.parse(posted[0]?.body ?? '')).toEqual({
    specversion: '1.0',
    id: expect.stringMatching(/^hub\.\d+$/),
    source: `/replicate/${encodeURIComponent(hostname())}/${daemon.history.identity()}`,
    type: 'io.replicate.registry.unhealthy',
    subject: 'hub',
    time: '2026-01-01T00:00:10.000Z',
    datacontenttype: 'application/json',
    data: {
      registry: 'hub',
      registry_type: 'docker-registry',
      url: 'https://hub.example.com',
      status: 'unhealthy',
      status_reason: '<503>',
      status_since: '2026-01-01T00:00:10.000Z',
    },
  })
  expect(posted[0]?.headers).toMatchObject({ 'x-replicate-signature': expect.stringMatching(/^sha256=/) })
  expect(JSON.parse(posted[1]?.body ?? '').text).toBe(
    ':x: registry *hub* is unhealthy\nhttps://hub.example.com: &lt;503&gt;',
  )
  expect(daemon.news).toContainEqual({
    type: 'log',
    level: 'info',
    text: 'notification to chat.example.com sent: registry hub unhealthy',
  })
  down.clear()
  await daemon.clock.advance(10 * MINUTE)
  expect(posted.slice(2).map(({ body }) => JSON.parse(body).type)).toEqual(['io.replicate.registry.healthy'])
})

test('a change that a process could not tell before its end is told by the next, as the same event, and once', async () => {
  const notify = `serve:\n  notify:\n    - { on: [unhealthy, healthy], webhook: 'https://told.example.com/hook' }\n`
  const address = 'https://hub.example.com'
  const first = await scene({
    yaml: ONE + notify,
    post: (_request, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
  })
  first.down.set('hub', new Error('down'))
  await first.daemon.clock.advance(MINUTE)
  expect(first.posted).toHaveLength(1)
  first.daemon.end()
  await first.part.ended()
  const owed = first.daemon.history.registries.owed('hub', address)
  expect(owed).toMatchObject({ status: 'unhealthy', reason: expect.stringContaining('down') })

  // Another process that finds this in its history.
  const keep = ({ history }: DaemonDouble): void =>
    void history.registries.keepStatus('hub', address, owed?.reason, true)
  const second = await scene({ yaml: ONE + notify, before: keep })
  const again = second.daemon.history.registries.owed('hub', address)
  await second.daemon.clock.advance(MINUTE)
  const [told, ...more] = second.posted.map(({ body }) => JSON.parse(body))
  expect(told).toMatchObject({
    id: `hub.${Date.parse(again?.time ?? '')}`,
    type: 'io.replicate.registry.unhealthy',
    data: { status_reason: owed?.reason },
  })
  // It answers again meanwhile.
  expect(more).toMatchObject([{ type: 'io.replicate.registry.healthy' }])
  expect(second.daemon.history.registries.owed('hub', address)).toBeUndefined()
})
