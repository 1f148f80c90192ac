import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { MIGRATIONS } from '../../src/history/database/schema.ts'
import { begin, copies, open, startChild, temporaryDirectory } from './setup.ts'

const ERROR = { code: 'network', message: 'connection reset' }
const MOVED = { bytes_copied: 100, bytes_mounted: 20, bytes_present: 3 }

test('takes pending tasks in order, a page at a time, and each once', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(5))
  expect(history.tasks.takePending(id, 2, 0).map((task) => [task.id, task.attempts])).toEqual([
    [1, 1],
    [2, 1],
  ])
  expect(history.tasks.takePending(id, 10, 0).map((task) => task.id)).toEqual([3, 4, 5])
  expect(history.tasks.takePending(id, 10, 0)).toEqual([])
  expect(history.tasks.takePending(id, 0, 0)).toEqual([])
})

test('gives a task back as it was planned', async () => {
  const history = await open()
  const id = begin(history)
  const [spec] = copies(1)
  history.tasks.add(id, spec ? [spec] : [])
  expect(history.tasks.takePending(id, 1, 0)[0]?.spec).toEqual(spec)
})

test('puts a task back until its time, and counts the attempts', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(2))
  history.tasks.takePending(id, 2, 1000)
  expect(history.tasks.nextAttemptAt(id)).toBeUndefined()
  expect(history.tasks.putBack(1, 5000, ERROR, MOVED)).toBe(true)
  expect(history.tasks.putBack(2, 4000, ERROR)).toBe(true)
  expect(history.tasks.nextAttemptAt(id)).toBe(4000)
  expect(history.tasks.takePending(id, 9, 3999)).toEqual([])
  expect(history.tasks.takePending(id, 9, 4000)).toMatchObject([{ id: 2, attempts: 2 }])
  expect(history.tasks.nextAttemptAt(id)).toBe(5000)
  expect([...history.tasks.list(id, { status: 'pending' })]).toMatchObject([{ id: 1, error: ERROR, attempts: 1 }])
  history.tasks.takePending(id, 9, 5000)
  history.tasks.finish(1, 'succeeded', { moved: MOVED })
  expect([...history.tasks.list(id)][0]).toMatchObject({
    status: 'succeeded',
    attempts: 2,
    error: null,
    bytes_copied: 200,
  })
})

test('ends a task once', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(id, copies(1))
  expect(history.tasks.finish(1, 'succeeded')).toBeUndefined()
  expect(history.tasks.putBack(1, 0, ERROR)).toBe(false)
  history.tasks.takePending(id, 1, 0)
  expect(history.tasks.finish(1, 'succeeded', { moved: MOVED })).toEqual([...history.tasks.list(id)][0])
  for (const status of ['succeeded', 'failed', 'stopped'] as const) {
    expect(history.tasks.finish(1, status, { moved: MOVED, error: ERROR })).toBeUndefined()
  }
  expect(history.tasks.putBack(1, 0, ERROR)).toBe(false)
  expect([...history.tasks.list(id)]).toMatchObject([{ status: 'succeeded', error: null, ...MOVED }])
})

test('counts every state and sums what was moved', async () => {
  const history = await open()
  const id = begin(history)
  const [keep, blocked] = copies(2)
  if (!keep || !blocked) throw new Error('no tasks')
  history.tasks.add(id, copies(6))
  history.tasks.add(id, [
    { ...keep, action: 'keep', reason: 'differs' },
    { ...blocked, action: 'blocked', reason: 'too deep', reason_code: 'depth', hint: 'flatten it' },
  ])
  history.tasks.takePending(id, 4, 0)
  history.tasks.finish(1, 'succeeded', { moved: MOVED })
  history.tasks.finish(2, 'failed', { moved: MOVED, error: ERROR })
  history.tasks.finish(3, 'stopped')
  const counts = { total: 8, succeed: 1, failed: 2, in_progress: 3, stopped: 1, skipped: 1 }
  expect(history.executions.get(id)).toMatchObject({
    ...counts,
    bytes_copied: 200,
    bytes_mounted: 40,
    bytes_present: 6,
  })
  expect(history.tasks.stopPending(id)).toBe(2)
  expect(history.executions.get(id)).toMatchObject({ ...counts, in_progress: 1, stopped: 3 })
  expect([...history.tasks.list(id, { status: 'failed' })].map(({ error }) => error)).toEqual([
    ERROR,
    { code: 'depth', message: 'too deep', hint: 'flatten it' },
  ])
})

test('shows a task as the interface promises', async () => {
  const history = await open(undefined, { clock: { now: () => 2000 } })
  const id = begin(history)
  const [first] = copies(1)
  if (!first) throw new Error('no task')
  const { tag: _, ...source } = first.source
  const was = first.digest ? { previous_digest: first.digest } : {}
  const info = { media_type: 'application/vnd.oci.image.index.v1+json', labels: ['released'] }
  history.tasks.add(id, [
    { ...first, ...info },
    { ...first, source, named_by: 'hub/charts/app:1.0.0' },
    { ...first, action: 'delete', source: { ...first.source, repository: 'tool' }, ...was },
  ])
  history.tasks.takePending(id, 1, 1000)
  const platforms = ['linux/amd64', 'linux/arm64']
  history.tasks.finish(1, 'succeeded', { moved: MOVED, platforms })
  const resource = { resource_type: 'image', deleted: false }
  const metadata = { name: 'alpine', v_tag: 'v0', labels: ['released'] }
  const extended_info = { digest: first.digest, media_type: info.media_type, size: 123, platforms }
  const [shown, byDigest, gone] = history.tasks.list(id)
  expect(shown).toEqual({
    id: 1,
    execution_id: id,
    resource_type: 'image',
    action: 'copy',
    src_resource: 'hub/library/alpine:v0',
    dest_resource: 'harbor/mirror/library/alpine:v0',
    source: {
      ...resource,
      uri: 'hub/library/alpine:v0',
      registry: 'hub',
      metadata: { ...metadata, namespace: 'library' },
      extended_info,
    },
    destination: {
      ...resource,
      uri: 'harbor/mirror/library/alpine:v0',
      registry: 'harbor',
      metadata: { ...metadata, namespace: 'mirror/library' },
      extended_info,
    },
    digest: `sha256:${'a'.repeat(64)}`,
    dest_digest: `sha256:${'a'.repeat(64)}`,
    reason: null,
    named_by: null,
    status: 'succeeded',
    attempts: 1,
    ...MOVED,
    start_time: '1970-01-01T00:00:01.000Z',
    end_time: '1970-01-01T00:00:02.000Z',
    log_data_path: '/api/replication/executions/1/logs/1',
    error: null,
  })
  expect(byDigest).toMatchObject({
    src_resource: `hub/library/alpine@sha256:${'a'.repeat(64)}`,
    source: { uri: `hub/library/alpine@sha256:${'a'.repeat(64)}`, metadata: { v_tag: null, labels: [] } },
    destination: { extended_info: { digest: null, size: null, platforms: [] } },
    named_by: 'hub/charts/app:1.0.0',
    start_time: null,
  })
  expect(gone).toMatchObject({
    source: { metadata: { namespace: null, name: 'tool' }, deleted: true },
    destination: { deleted: true, extended_info: { digest: first.digest, size: null } },
  })
})

test('pages through tasks, from any of them on, while they change', async () => {
  const history = await open()
  const id = begin(history)
  history.tasks.add(begin(history, 'other'), copies(3))
  history.tasks.add(id, copies(2500))
  let count = 0
  for (const task of history.tasks.list(id)) {
    if (count++ % 1000 === 0) history.tasks.takePending(id, 1, 0)
    expect(task.execution_id).toBe(id)
  }
  expect(count).toBe(2500)
  expect([...history.tasks.list(id, { after: 2000, limit: 2 })].map((task) => task.id)).toEqual([2001, 2002])
  expect([...history.tasks.list(id, { limit: 1500 })]).toHaveLength(1500)
})

test('adds a hundred thousand tasks in seconds, and lists without counting them', async () => {
  const history = await open()
  const id = begin(history)
  const added = timed(() => history.tasks.add(id, copies(100_000)))
  const read = timed(() => {
    expect(history.executions.list()).toMatchObject([{ total: 100_000, in_progress: 100_000 }])
    expect(history.executions.get(id).total).toBe(100_000)
    expect([...history.tasks.list(id, { limit: 50 })]).toHaveLength(50)
    history.tasks.takePending(id, 32, 0)
  })
  expect(added).toBeLessThan(60_000)
  expect(read).toBeLessThan(added / 4)
})

test('is written by several processes at once', async () => {
  const directory = temporaryDirectory()
  const children = Array.from({ length: 4 }, () => startChild(directory, 'write'))
  const answers = await Promise.all(children.map((child) => child.answer))
  for (const answer of answers) expect(answer).toMatchObject({ status: 'succeeded', total: 100, succeed: 100 })
  const history = await open(directory)
  expect(history.executions.list()).toHaveLength(4)
})

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

test('deletes are taken only when they are asked for, and can be skipped with a reason', async () => {
  const history = await open()
  const id = begin(history)
  const [copy] = copies(1)
  if (!copy) throw new Error('no task')
  history.tasks.add(id, [{ ...copy, action: 'delete' }, copy, { ...copy, action: 'delete' }])
  expect(history.tasks.takePending(id, 9, 0).map((task) => task.id)).toEqual([2])
  history.tasks.finish(2, 'succeeded')
  const [first] = history.tasks.takePending(id, 1, 0, 'delete')
  expect(first).toMatchObject({ id: 1, spec: { action: 'delete' } })
  history.tasks.putBack(1, 4000, ERROR)
  expect([history.tasks.nextAttemptAt(id), history.tasks.nextAttemptAt(id, 'delete')]).toEqual([undefined, 4000])
  expect(history.tasks.skipDeletes(id, { code: 'not_deleted', message: 'a copy failed' })).toBe(2)
  expect([...history.tasks.list(id, { status: 'skipped' })]).toMatchObject([
    { id: 1, error: { code: 'not_deleted' } },
    { id: 3, error: { message: 'a copy failed' } },
  ])
  expect(history.executions.finish(id)).toMatchObject({ status: 'succeeded', succeed: 1, skipped: 2, in_progress: 0 })
})

test('of a history of an older version are numbered within their execution, and so are their logs', async () => {
  const directory = temporaryDirectory()
  const old = new Sqlite(`${directory}/history.db`)
  const before = MIGRATIONS.findIndex((sql) => sql.includes('ADD COLUMN number'))
  for (const sql of MIGRATIONS.slice(0, before)) old.exec(sql)
  old.exec(`PRAGMA application_id = ${0x7265706c}; PRAGMA user_version = ${before};
    INSERT INTO policies (name) VALUES ('base');
    INSERT INTO executions (policy_id, snapshot, trigger_kind, status, start_time) VALUES (1, '{}', 'manual', 'failed', 1), (1, '{}', 'manual', 'failed', 2)`)
  const add = old.prepare('INSERT INTO tasks (execution_id, spec, status) VALUES (?, ?, ?)')
  const log = old.prepare('INSERT INTO logs (execution_id, task_id, level, text, time) VALUES (?, ?, ?, ?, 1)')
  for (const [index, spec] of copies(5).entries()) {
    const execution = index < 3 ? 1 : 2
    const { lastInsertRowid } = add.run(execution, JSON.stringify(spec), index === 4 ? 'pending' : 'failed')
    log.run(execution, lastInsertRowid, 'error', `of ${spec.source.tag}`)
  }
  log.run(2, null, 'info', 'of none')
  old.close()
  const history = await open(directory)
  const numbers = (execution: number) => [...history.tasks.list(execution)].map(({ id }) => id)
  expect([numbers(1), numbers(2)]).toEqual([
    [1, 2, 3],
    [1, 2],
  ])
  const lines = [...history.logs.list(2)].map(({ task_id, text }) => `${task_id} ${text}`)
  expect(lines).toEqual(['1 of v3', '2 of v4', 'null of none'])
  expect([...history.logs.list(1, { task: 3 })].map(({ text }) => text)).toEqual(['of v2'])
})
