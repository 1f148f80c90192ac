/** Starts over the API, with the options of `replicate run`. */

import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import type { MemoryRegistryOptions } from '../../support/memory-registry.ts'
import { type Served, served } from './served.ts'

const EXECUTIONS = '/replication/executions'

async function tags(count: number, options: MemoryRegistryOptions = {}): Promise<Served> {
  const all = await served('', '', options)
  for (let n = 2; n <= count; n += 1) all.source.add('app', image({ seed: n }), `v${n}`)
  return all
}

async function ended({ ask }: Served, id: number) {
  let body: { readonly status: string } = { status: '' }
  await until(`execution ${id} ends`, async () => {
    body = (await ask('GET', `${EXECUTIONS}/${id}`)).body
    return !['preparing', 'in_progress', 'paused'].includes(body.status)
  })
  return body
}

test('a start may be narrowed to some tags, and a retry of it stays so', async () => {
  const all = await tags(4)
  const { ask, destination } = all
  const body = { policy_id: 'copy', filter: { name: ['app'], tag: ['v2', 'v3'] }, concurrency: 2, bandwidth: '50MiB/s' }
  expect((await ask('POST', EXECUTIONS, { body })).status).toBe(201)
  expect(await ended(all, 1)).toMatchObject({ status: 'succeeded', total: 2 })
  expect([...(destination.repositories.get('mirror/app')?.tags.keys() ?? [])].toSorted()).toEqual(['v2', 'v3'])
  const parts = [{ shard: '1/2' }, { shard: '2/2' }]
  for (const [at, part] of parts.entries()) {
    const started = await ask('POST', EXECUTIONS, { body: { policy_id: 'copy', ...part, referrers: 'all' } })
    expect(started.status).toBe(201)
    expect((await ended(all, at + 2)).status).toBe('succeeded')
  }
  expect(destination.repositories.get('mirror/app')?.tags.size).toBe(4)
})

test('a start may be a dry run: its answer is the plan, and nothing is written', async () => {
  const all = await tags(2)
  const body = { policy_id: 'copy', dry_run: true, filter: { tag: ['v2'] } }
  const { status, body: rows } = await all.ask('POST', EXECUTIONS, { body })
  expect(status).toBe(200)
  const found = (rows as { readonly type: string; readonly source?: string }[]).map(({ type, source }) => [
    type,
    source,
  ])
  expect(found).toEqual([
    ['action', 'from/app:v2'],
    ['plan', expect.any(String)],
  ])
  expect((await all.ask('GET', EXECUTIONS)).body).toEqual([])
  expect(all.destination.repositories.size).toBe(0)
  expect((await all.ask('GET', '/audit')).body).toEqual([])
})

test('a start stops at the first failure, after a time, or is refused with all that is wrong with it', async () => {
  const all = await tags(4, { fault: ({ route }) => (route === 'blob' ? { status: 403 } : undefined) })
  const { ask } = all
  await ask('POST', EXECUTIONS, { body: { policy_id: 'copy', fail_fast: true, concurrency: 1 } })
  const first = await ended(all, 1)
  expect(first.status).not.toBe('succeeded')
  const wrong = {
    policy_id: 'copy',
    filter: { tag: ['{a'], resource: ['snap'], owner: ['me'] },
    shard: '3/2',
    bandwidth: 'fast',
    timeout: 'soon',
    concurrency: 0,
    max_failures: -1,
    force: true,
  }
  const refused = await ask('POST', EXECUTIONS, { body: wrong })
  expect(refused.status).toBe(400)
  const paths = refused.body.errors.map(({ path }: { readonly path: string }) => path)
  for (const path of [
    'filter.tag.0',
    'filter.resource.0',
    'shard',
    'bandwidth',
    'timeout',
    'concurrency',
    'max_failures',
  ]) {
    expect(paths).toContain(`body.${path}`)
  }
  expect(refused.body.message).toMatch(/force/)
})

test('a policy is meant by its name or by the number that its executions show', async () => {
  const all = await tags(1)
  const { ask } = all
  expect((await ask('POST', EXECUTIONS, { body: { policy_id: 7 } })).status).toBe(404)
  const { policy_id } = (await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })).body
  await ended(all, 1)
  for (const id of [policy_id, String(policy_id)]) {
    const started = await ask('POST', EXECUTIONS, { body: { policy_id: id } })
    expect(started).toMatchObject({ status: 201, body: { policy: 'copy', policy_id } })
    await ended(all, started.body.id)
    const plan = await ask('POST', '/replication/policies/preview', { body: { policy_id: id } })
    expect(plan.status).toBe(200)
  }
  const path = `/replication/policies/${policy_id}`
  expect(await ask('GET', path)).toMatchObject({ status: 200, body: { name: 'copy' } })
  expect((await ask('PUT', path, { body: { enabled: false } })).body).toMatchObject({ name: 'copy', enabled: false })
  expect((await ask('POST', EXECUTIONS, { body: { policy_id } })).status).toBe(412)
  expect((await ask('DELETE', path)).status).toBe(204)
  const gone = await ask('GET', path)
  expect(gone).toMatchObject({ status: 404, body: { message: `policy copy (${policy_id}) is in no file any more` } })
})
