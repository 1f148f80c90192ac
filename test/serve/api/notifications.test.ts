/** A runner outside does tasks of an execution of the real program, and tells of them over the API. */

import { expect, test } from 'vitest'
import { until } from '../../e2e/program.ts'
import { image } from '../../support/images.ts'
import { type Served, served } from './served.ts'

const EXECUTIONS = '/replication/executions'
/** Tasks that a process does at once. */
const AT_ONCE = 32
const TAGS = AT_ONCE + 8

interface Row {
  readonly id: number
  readonly source: { readonly metadata: { readonly v_tag: string } }
}

/** An execution whose tasks here hang, and those that are left. */
async function running(): Promise<Served & { readonly left: readonly Row[] }> {
  const all = await served('', '', { fault: ({ route }) => (route === 'blob' ? { hang: true } : undefined) })
  for (let n = 2; n <= TAGS; n += 1) all.source.add('app', image({ seed: n }), `v${n}`)
  expect((await all.ask('POST', EXECUTIONS, { body: { policy_id: 'copy', concurrency: 1 } })).status).toBe(201)
  await until('this process does as many tasks as it can', async () => {
    const { headers } = await all.ask('GET', `${EXECUTIONS}/1/tasks?q=status=in_progress`)
    return Number(headers.get('x-total-count')) >= AT_ONCE
  })
  const { body: left } = await all.ask('GET', `${EXECUTIONS}/1/tasks?q=status=pending`)
  return { ...all, left }
}

test('a runner takes a task, tells of it, and what it did counts once it is seen at the destination', async () => {
  const { ask, left, destination } = await running()
  const tell = (body: object) => ask('POST', `${EXECUTIONS}/1/notifications`, { body: { runner: 'ci-1', ...body } })
  const [one, two] = left
  if (!one || !two) throw new Error('no task is left')
  const taken = await tell({ id: one.id, status: 'in_progress', lines: [{ text: 'begun elsewhere' }] })
  expect(taken).toMatchObject({ status: 200, body: { id: one.id, status: 'in_progress', attempts: 1 } })
  expect(await tell({ id: one.id, status: 'in_progress', runner: 'ci-2' })).toMatchObject({
    status: 409,
    body: { code: 'conflict', message: `task ${one.id} is done by runner local/ci-1` },
  })

  // It does what it was to do.
  const tag = one.source.metadata.v_tag
  destination.add('mirror/app', image({ seed: Number(tag.slice(1)) }), tag)
  const ended = await tell({ id: one.id, status: 'succeeded', bytes_copied: 4711 })
  expect(ended).toMatchObject({ status: 200, body: { status: 'succeeded', bytes_copied: 4711 } })
  expect(await tell({ id: one.id, status: 'succeeded' })).toMatchObject({ status: 409 })

  // Of the second it only says so.
  expect((await tell({ id: two.id, status: 'in_progress' })).status).toBe(200)
  const lie = await tell({ id: two.id, status: 'succeeded' })
  expect(lie).toMatchObject({ status: 409, body: { code: 'not_verified' } })
  expect(lie.body.message).toContain('not there')
  expect((await ask('GET', `${EXECUTIONS}/1/tasks/${two.id}`)).body).toMatchObject({ status: 'pending' })

  const log = (await ask('GET', `${EXECUTIONS}/1/logs/${one.id}`)).body
  expect(log).toContain('begun elsewhere')
  const audit = (await ask('GET', '/audit?q=verb=notified')).body
  expect(audit.map(({ detail }: { readonly detail: string }) => detail)).toEqual([
    `task ${two.id} said to have succeeded by ci-1`,
    `task ${two.id} taken by ci-1`,
    `task ${one.id} said to have succeeded by ci-1`,
    `task ${one.id} taken by ci-1`,
  ])
  await ask('PUT', `${EXECUTIONS}/1`, { body: { operation: 'stop' } })
  await until('it has ended', async () => (await ask('GET', `${EXECUTIONS}/1`)).body.end_time !== null)
  expect(await tell({ id: two.id, status: 'in_progress' })).toMatchObject({ status: 409 })
})

test('what is no news of a task is refused, whatever it says', async () => {
  const { ask } = await served()
  const body = { id: 1, runner: 'ci', status: 'in_progress' }
  const tell = async (more: object) => (await ask('POST', `${EXECUTIONS}/1/notifications`, { body: more })).status
  expect(await tell(body)).toBe(404)
  expect((await ask('POST', EXECUTIONS, { body: { policy_id: 'copy' } })).status).toBe(201)
  await until('it has ended', async () => (await ask('GET', `${EXECUTIONS}/1`)).body.end_time !== null)
  expect(await tell(body)).toBe(409)
  expect(await tell({ ...body, status: 'succeeded' })).toBe(409)
  expect(await tell({ ...body, id: 2 })).toBe(404)
  for (const more of [
    { status: 'skipped' },
    { runner: '' },
    { bytes_copied: -1 },
    { bytes_copied: 1e300 },
    { lines: [{ text: '' }] },
    { lines: Array.from({ length: 101 }, () => ({ text: 'x' })) },
    { other: 1 },
  ]) {
    expect(await tell({ ...body, ...more }), JSON.stringify(more)).toBe(400)
  }
})
