/** The prepare handler: what it is told, and what its answers do. */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { policyBetween, workplace } from '../../e2e/harness.ts'
import { fastClock } from '../../http/server.ts'
import { image } from '../../support/images.ts'
import { type Listener, type ListenerOptions, listener } from '../../support/listener.ts'
import type { MemoryRegistry, MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { registry } from '../../support/registries.ts'

interface Sides {
  readonly source: MemoryRegistry
  readonly destination: MemoryRegistry
  /** In front of the destination; hears what goes to /hooks. */
  readonly front: Listener
}

async function sides(answer?: ListenerOptions['answer'], options?: MemoryRegistryOptions): Promise<Sides> {
  const [source, destination] = [await registry(), await registry(options)]
  source.add('library/alpine', image({ seed: 1 }), '3.20', '3.21')
  source.add('library/redis', image({ seed: 2 }), '7')
  source.add('team/a/api', image({ seed: 3 }), 'v1')
  source.add('tool', image({ seed: 4 }), 'v1')
  const before = { url: destination.url, listens: (url: string) => url.startsWith('/hooks') }
  return { source, destination, front: await listener({ before, ...(answer ? { answer } : {}) }) }
}

const here = () => workplace({}, { clock: fastClock() })
const abort = (handler: string, ...statuses: readonly number[]): string =>
  `    prepare: { handler: "${handler}", abort_on: [${statuses.join(', ')}] }\n`

test('is called once for each pair of namespaces, before anything is written', async () => {
  const writes: number[] = []
  const { source, destination, front } = await sides(() => {
    writes.push(destination.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD').length)
    return { status: 201, body: '{}' }
  })
  const { outcome, logs } = await here().run(policyBetween(source.url, front.url, abort('/hooks/namespaces', 500)))
  expect(outcome.exitCode).toBe(0)
  const bodies = front.heard.map(({ body }) => JSON.parse(body))
  const common = {
    events: 'prepare_replication',
    replicate_policy_name: 'copy',
    execution_id: 1,
    source_registry: 'from',
    target_registry: 'to',
    target_project_public: false,
    replicate_deletion: false,
    trigger: { kind: 'manual', schedule_param: null },
  }
  expect(bodies).toHaveLength(3)
  expect(bodies).toEqual(
    expect.arrayContaining([
      { ...common, source_project: 'library', target_project: 'mirror/library' },
      { ...common, source_project: 'team/a', target_project: 'mirror/team/a' },
      { ...common, source_project: null, target_project: 'mirror' },
    ]),
  )
  expect(front.heard[0]).toMatchObject({ method: 'POST', url: '/hooks/namespaces' })
  expect(front.heard[0]?.headers['content-type']).toBe('application/json')
  expect(writes).toEqual([0, 0, 0])
  expect(logs).toContain('the prepare handler /hooks/namespaces answered 201 to library → mirror/library')
})

test('is left alone where there is nothing to write', async () => {
  const { source, front } = await sides()
  const place = here()
  const yaml = policyBetween(source.url, front.url, abort('/hooks'))
  await place.run(yaml)
  const before = front.heard.length
  expect((await place.run(yaml)).outcome).toMatchObject({ exitCode: 0, execution: { unchanged: 5 } })
  expect(front.heard.length).toBe(before)
})

test('a status of abort_on ends the execution with its words, status 3, and nothing written', async () => {
  const refusal = { errors: [{ code: 'DENIED', message: 'ask the platform team for a project' }] }
  const { source, destination, front } = await sides(() => ({ status: 403, body: JSON.stringify(refusal) }))
  const { outcome } = await here().run(policyBetween(source.url, front.url, abort('/hooks', 404, 403, 500)))
  expect(outcome.exitCode).toBe(3)
  expect(outcome.execution?.status).toBe('failed')
  expect(outcome.execution?.error?.message).toMatch(
    /^destination to: the prepare handler \/hooks refused .+ → mirror.*: 403 DENIED \(ask the platform team for a project\)$/,
  )
  expect(front.heard).toHaveLength(1)
  expect(destination.requests.every(({ method }) => method === 'GET' || method === 'HEAD')).toBe(true)
})

test('any other failure is a warning, after it has been tried again where that may help', async () => {
  const { source, front } = await sides((_heard, count) =>
    count < 3 ? { status: 503, body: 'down for a moment', headers: { 'content-type': 'text/plain' } } : { status: 404 },
  )
  const { outcome, logs } = await here().run(policyBetween(source.url, front.url, abort('/hooks', 500)))
  expect(outcome.exitCode).toBe(0)
  expect(front.heard).toHaveLength(5)
  const warnings = logs.filter((text) => text.includes('the prepare handler /hooks failed'))
  expect(warnings).toHaveLength(3)
  expect(warnings[0]).toMatch(/503 \(down for a moment\)$/)
  expect(warnings[1]).toMatch(/404 Not Found$/)
})

test('a path gets the credential of the registry, another address does not', async () => {
  const auth = { kind: 'basic', user: 'robot', password: 'hunter2-secret' } as const
  const { source, destination, front } = await sides(undefined, { auth })
  const elsewhere = await listener()
  const signed = `\n    credential: { type: basic, username: robot, password: "\${PASSWORD}" }`
  const yaml = (handler: string): string =>
    policyBetween(source.url, front.url, abort(handler)).replace(
      `  to: { type: docker-registry, url: ${front.url} }`,
      `  to:\n    type: docker-registry\n    url: ${front.url}${signed}`,
    )
  const place = () => workplace({ PASSWORD: auth.password }, { clock: fastClock() })
  expect((await place().run(yaml('/hooks'))).outcome.exitCode).toBe(0)
  const expected = `Basic ${Buffer.from('robot:hunter2-secret').toString('base64')}`
  expect(front.heard.map(({ headers }) => headers.authorization)).toEqual([expected, expected, expected])
  for (const { tags } of destination.repositories.values()) tags.clear()
  expect((await place().run(yaml(`${elsewhere.url}/prepare`))).outcome.exitCode).toBe(0)
  expect(elsewhere.heard.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined])
})

test('a redirect is not followed', async () => {
  const elsewhere = await listener()
  const { source, front } = await sides(() => ({ status: 302, headers: { location: `${elsewhere.url}/stolen` } }))
  const { outcome, logs } = await here().run(policyBetween(source.url, front.url, abort('/hooks')))
  expect(outcome.exitCode).toBe(0)
  expect(elsewhere.heard).toEqual([])
  expect(logs.filter((text) => /failed for .+: 302 Found$/.test(text))).toHaveLength(3)
})

test('what is secret in its address is in no output and no file', async () => {
  const { source, front } = await sides(() => ({ status: 400, body: 'no' }))
  const elsewhere = await listener({ answer: ({ url }) => ({ status: 400, body: `"bad ${url}"` }) })
  const place = workplace({ HANDLER: `${elsewhere.url}/t0ps3cret/path?key=t0ps3cret` }, { clock: fastClock() })
  const { outcome, logs, events } = await place.run(policyBetween(source.url, front.url, abort(`\${HANDLER}`, 400)))
  expect(outcome.exitCode).toBe(3)
  expect(elsewhere.heard[0]?.url).toContain('t0ps3cret')
  expect(JSON.stringify([outcome, logs, events])).toContain(`${elsewhere.url}/***`)
  expect(JSON.stringify([outcome, logs, events])).not.toContain('t0ps3cret')
  expect(readFileSync(`${place.home}/history.db`, 'latin1')).not.toContain('t0ps3cret')
})
