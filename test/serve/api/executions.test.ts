/** Executions over the API, of the real program: started, listed, stopped, retried. */

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { type Serving, serving } from '../serving.ts'
import { type Ask, apiClient } from './client.ts'

const EXECUTIONS = '/replication/executions'

async function served(options: Parameters<typeof serving>[0] = {}): Promise<Serving & { readonly ask: Ask }> {
  const all = await serving(options)
  all.user.write('serve.yaml', all.yaml())
  const daemon = await all.start()
  const token = readFileSync(join(all.user.home, 'api-token'), 'utf8').trim()
  return { ...all, ask: apiClient(daemon.url, token) }
}

async function ended(ask: Ask, id: number): Promise<string> {
  let status = ''
  await until(`execution ${id} ends`, async () => {
    status = (await ask('GET', `${EXECUTIONS}/${id}`)).body.status
    return !['preparing', 'in_progress', 'paused'].includes(status)
  })
  return status
}

test('a policy is started, and its execution and tasks are those of --json', async () => {
  const { ask, user, destination } = await served()
  const started = await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })
  expect(started.status).toBe(201)
  expect(started.headers.get('location')).toBe(`/api${EXECUTIONS}/1`)
  expect(await ended(ask, 1)).toBe('succeeded')
  expect([...(destination.repositories.get('mirror/app')?.tags.keys() ?? [])]).toEqual(['v1'])
  const shown = await user.execution('1')
  const { tasks, ...execution } = shown
  expect((await ask('GET', `${EXECUTIONS}/1`)).body).toEqual(execution)
  const list = await ask('GET', EXECUTIONS)
  expect(list.body).toEqual([execution])
  expect(list.headers.get('x-total-count')).toBe('1')
  expect((await ask('GET', `${EXECUTIONS}/1/tasks`)).body).toEqual(tasks)
  expect((await ask('GET', `${EXECUTIONS}/1/tasks/1`)).body).toEqual(tasks[0])
})

test('bytes over time are told of an execution that has ended, and of one that another process ran', async () => {
  const { ask, user } = await served()
  await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })
  expect(await ended(ask, 1)).toBe('succeeded')
  expect((await user.run(['run', 'serve.yaml'])).code).toBe(0)
  for (const id of [1, 2]) {
    const { bytes_copied, start_time } = (await ask('GET', `${EXECUTIONS}/${id}`)).body
    let samples: readonly { readonly time: string; readonly bytes: number }[] = []
    await until('its last sample is written', async () => {
      samples = (await ask('GET', `${EXECUTIONS}/${id}/progress`)).body
      return samples.at(-1)?.bytes === bytes_copied && samples.length > (bytes_copied > 0 ? 1 : 0)
    })
    expect(samples[0]?.bytes).toBe(0)
    expect(Date.parse(samples[0]?.time ?? '')).toBeGreaterThanOrEqual(Date.parse(start_time))
  }
  expect((await ask('GET', `${EXECUTIONS}/3/progress`)).status).toBe(404)
})

test('what cannot be started says why', async () => {
  const { ask } = await served()
  expect(await ask('POST', EXECUTIONS, { body: { policy_id: 'nothing' } })).toMatchObject({
    status: 404,
    body: { code: 'not_found', message: 'there is no policy nothing' },
  })
  const wrong = await ask('POST', EXECUTIONS, { body: { policy: 'copy', also: 1 } })
  expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid_request', title: 'Bad Request', status: 400 } })
  expect(wrong.headers.get('content-type')).toContain('application/problem+json')
  expect(wrong.body.errors.length).toBeGreaterThan(1)
  for (const path of [`${EXECUTIONS}/7`, `${EXECUTIONS}/7/tasks`, '/nothing']) {
    expect(await ask('GET', path)).toMatchObject({ status: 404, body: { code: 'not_found' } })
  }
})

test('lists have pages, orders and filters', async () => {
  const { ask } = await served()
  for (const id of [1, 2, 3]) {
    expect((await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })).status).toBe(201)
    await ended(ask, id)
  }
  const ids = async (query: string): Promise<readonly number[]> =>
    (await ask('GET', `${EXECUTIONS}?${query}`)).body.map(({ id }: { readonly id: number }) => id)
  expect(await ids('')).toEqual([3, 2, 1])
  expect(await ids('sort=id&page_size=2')).toEqual([1, 2])
  expect(await ids('sort=id&page_size=2&page=2')).toEqual([3])
  expect(await ids('q=status=succeeded,policy=copy')).toEqual([3, 2, 1])
  expect(await ids('q=policy=1')).toEqual([3, 2, 1])
  for (const query of ['q=status=failed', 'q=policy=2', 'q=policy=other']) expect(await ids(query)).toEqual([])
  const { headers } = await ask('GET', `${EXECUTIONS}?page_size=1&page=2`)
  expect(headers.get('link')).toBe(
    [
      `</api${EXECUTIONS}?page_size=1&page=1>; rel="first"`,
      `</api${EXECUTIONS}?page_size=1&page=1>; rel="prev"`,
      `</api${EXECUTIONS}?page_size=1&page=3>; rel="next"`,
      `</api${EXECUTIONS}?page_size=1&page=3>; rel="last"`,
    ].join(', '),
  )
  for (const query of ['page=0', 'page_size=101', 'sort=size', 'q=owner=me', 'q=status', 'other=1']) {
    expect((await ask('GET', `${EXECUTIONS}?${query}`)).status, query).toBe(400)
  }
})

test('the token that is made is for its user alone', async () => {
  const { ask, user } = await served()
  const file = join(user.home, 'api-token')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect((await ask('GET', '/session')).body).toEqual({ name: 'local', role: 'admin', namespaces: null, until: null })
  for (const token of [undefined, 'x'.repeat(43)]) {
    expect(await ask('GET', EXECUTIONS, { token })).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  }
})

test('what has succeeded is neither resumed nor retried', async () => {
  const { ask } = await served()
  await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })
  expect(await ended(ask, 1)).toBe('succeeded')
  for (const operation of ['resume', 'retry']) {
    expect(await ask('PUT', `${EXECUTIONS}/1`, { body: { operation } }), operation).toMatchObject({
      status: 409,
      body: { message: 'execution 1 has succeeded: nothing of it is left to do' },
    })
  }
})
