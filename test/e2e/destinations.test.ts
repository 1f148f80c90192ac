/** One policy with several destinations. */

import { expect, test } from 'vitest'
import { image, index } from '../support/images.ts'
import type { MemoryRegistry } from '../support/memory-registry.ts'
import { registry } from '../support/registries.ts'
import { workplace } from './harness.ts'

function policy(source: string, a: string, b: string): string {
  return `
registries:
  from: { type: docker-registry, url: "${source}" }
  a: { type: docker-registry, url: "${a}" }
  b: { type: docker-registry, url: "${b}" }
policies:
  both:
    source: { registry: from }
    destination: [a/one, { registry: b, namespace: two, flatten: 0 }]
    retry: { attempts: 1, delay: 1s }
`
}

const large = (seed: string) => image({ layers: 2, size: 600_000, seed })

/** How often each blob was read, the largest number first. */
function reads(source: MemoryRegistry): readonly number[] {
  const counts = new Map<string, number>()
  for (const { route, method, path } of source.requests) {
    if (route === 'blob' && method === 'GET') counts.set(path, (counts.get(path) ?? 0) + 1)
  }
  return [...counts.values()].sort((x, y) => y - x)
}

test('each gets everything under its own names, and large blobs are read once', async () => {
  const [source, a, b] = [await registry(), await registry(), await registry()]
  const built = index([
    large('amd'),
    image({ size: 700_000, seed: 'arm', platform: { os: 'linux', architecture: 'arm64' } }),
  ])
  source.add('team/app', built, 'v1')
  const place = workplace()
  const { outcome } = await place.run(policy(source.url, a.url, b.url))
  expect(outcome).toMatchObject({ exitCode: 0, execution: { status: 'succeeded', total: 2, succeed: 2 } })
  expect(a.repository('one/app').tags.get('v1')).toBe(built.digest)
  expect(b.repository('two/team/app').tags.get('v1')).toBe(built.digest)
  const blobs = source.requests.filter(
    ({ route, method, bytesOut }) => route === 'blob' && method === 'GET' && bytesOut > 500_000,
  )
  expect(blobs).toHaveLength(4)
  const again = await place.run(policy(source.url, a.url, b.url))
  expect(again.outcome.execution).toMatchObject({ total: 0, unchanged: 2 })
})

test('what only one of them lacks goes to that one alone', async () => {
  const [source, a, b] = [await registry(), await registry(), await registry()]
  const built = large('x')
  source.add('app', built, 'v1')
  a.add('one/app', built, 'v1')
  const { outcome } = await workplace().run(policy(source.url, a.url, b.url))
  expect(outcome.execution).toMatchObject({ total: 1, succeed: 1, unchanged: 1 })
  expect(Math.max(...reads(source))).toBe(1)
})

test('one that is down does not fail the other, and is told', async () => {
  const [source, a] = [await registry(), await registry()]
  source.add('app', large('x'), 'v1')
  const { outcome, tasks } = await workplace().run(policy(source.url, a.url, 'http://127.0.0.1:1'))
  expect(outcome).toMatchObject({ exitCode: 1, execution: { status: 'failed', succeed: 1, failed: 1 } })
  expect(a.repository('one/app').tags.has('v1')).toBe(true)
  expect(tasks.find((task) => task.status === 'failed')).toMatchObject({
    dest_resource: 'b',
    error: { message: expect.stringContaining('destination b: connection refused') },
  })
})

test('all of them down ends the preparation', async () => {
  const source = await registry()
  source.add('app', large('x'), 'v1')
  const { outcome } = await workplace().run(policy(source.url, 'http://127.0.0.1:1', 'http://127.0.0.1:2'))
  expect(outcome.exitCode).toBe(3)
})

test('one that breaks off in the middle goes on alone, the other is not disturbed', async () => {
  let broken = false
  const source = await registry()
  const a = await registry({
    fault: ({ route, method }) => {
      if (route !== 'upload' || method !== 'PUT' || broken) return undefined
      broken = true
      return { resetAfter: 200_000 }
    },
  })
  const b = await registry()
  const built = image({ layers: 1, size: 2_000_000, seed: 'x' })
  source.add('app', built, 'v1')
  const { outcome } = await workplace().run(policy(source.url, a.url, b.url))
  expect(broken).toBe(true)
  expect(outcome).toMatchObject({ exitCode: 0, execution: { succeed: 2 } })
  for (const there of [a.repository('one/app'), b.repository('two/app')])
    expect(there.tags.get('v1')).toBe(built.digest)
})

test('plan shows what each would get', async () => {
  const [source, a, b] = [await registry(), await registry(), await registry()]
  source.add('app', large('x'), 'v1')
  const plan = await workplace().plan(policy(source.url, a.url, b.url))
  expect(plan.destination).toBe('a/one, b/two')
  expect(plan.actions.map((action) => action.destination)).toEqual(['a/one/app:v1', 'b/two/app:v1'])
})
