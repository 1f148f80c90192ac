import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import type { TaskSpec } from '../../src/core/plan.ts'
import { MIGRATIONS } from '../../src/history/database/schema.ts'
import type { History } from '../../src/history/history.ts'
import { begin, copies, open, temporaryDirectory } from './setup.ts'

const digest = `sha256:${'a'.repeat(64)}` as const
const tag = (name: string) => ({ registry: 'harbor', repository: 'mirror/library/alpine', tag: name })

/** An execution whose tasks have all ended alike. */
function run(history: History, specs: readonly TaskSpec[], end: 'succeeded' | 'failed' = 'succeeded', policy = 'base') {
  const id = begin(history, policy)
  history.tasks.add(id, specs)
  for (const kind of ['transfer', 'delete'] as const) {
    for (const task of history.tasks.takePending(id, 99, 0, kind)) history.tasks.finish(task.id, end)
  }
  history.executions.finish(id)
  history.locks.release(id)
  return id
}

test('knows the tags that a policy has brought, and their digests, also once its executions are pruned', async () => {
  const history = await open()
  const id = run(history, copies(2))
  expect(history.brought.find('base', tag('v1'))).toMatchObject({ digest })
  expect(history.prune.delete([id])).toBe(1)
  expect(history.brought.find('base', tag('v1'))).toMatchObject({ digest })
  expect(history.brought.find('base', tag('v2'))).toBeUndefined()
  expect(history.brought.find('base', { ...tag('v1'), registry: 'quay' })).toBeUndefined()
  expect(history.brought.find('base', { ...tag('v1'), repository: 'library/alpine' })).toBeUndefined()
})

test('knows the digest that a policy brought last', async () => {
  const history = await open()
  const [first] = copies(1)
  if (!first) throw new Error('no task')
  run(history, [first])
  const newer = `sha256:${'b'.repeat(64)}` as const
  run(history, [{ ...first, action: 'update', digest: newer }])
  expect(history.brought.find('base', tag('v0'))).toEqual({ digest: newer, time: expect.any(Number) })
})

test('has not brought what another policy brought, what failed, what was there, and what only got referrers', async () => {
  const history = await open()
  const [first] = copies(1)
  if (!first) throw new Error('no task')
  run(history, [first], 'succeeded', 'other')
  run(history, [first], 'failed')
  run(history, [{ ...first, action: 'keep' }])
  run(history, [{ ...first, referrers_only: true }])
  expect(history.brought.find('base', tag('v0'))).toBeUndefined()
  expect(history.brought.find('other', tag('v0'))).toMatchObject({ digest })
})

test('no longer owns a tag that it has deleted', async () => {
  const history = await open()
  const specs = copies(2)
  run(history, specs)
  run(
    history,
    specs.slice(0, 1).map((spec) => ({ ...spec, action: 'delete' as const })),
  )
  expect(history.brought.find('base', tag('v0'))).toBeUndefined()
  expect(history.brought.find('base', tag('v1'))).toMatchObject({ digest })
})

test('learns from a history of an older version what was brought', async () => {
  const directory = temporaryDirectory()
  const old = new Sqlite(`${directory}/history.db`)
  const [kept, failed] = copies(2)
  for (const sql of MIGRATIONS.slice(0, 8)) old.exec(sql)
  old.exec(`PRAGMA application_id = ${0x7265706c}; PRAGMA user_version = 8;
    INSERT INTO policies (name) VALUES ('base');
    INSERT INTO executions (policy_id, snapshot, trigger_kind, status, start_time) VALUES (1, '{}', 'manual', 'failed', 1)`)
  const add = old.prepare('INSERT INTO tasks (execution_id, spec, status) VALUES (1, ?, ?)')
  add.run(JSON.stringify(kept), 'succeeded')
  add.run(JSON.stringify(failed), 'failed')
  old.close()
  const history = await open(directory)
  expect(history.brought.find('base', tag('v0'))).toEqual({ digest })
  expect(history.brought.find('base', tag('v1'))).toBeUndefined()
})

test('knows which tags a policy brought into a repository, of one digest too, and how many into a registry', async () => {
  const history = await open()
  const [first, second] = copies(2)
  if (!first || !second) throw new Error('no tasks')
  const other = `sha256:${'b'.repeat(64)}` as const
  run(history, [first, { ...second, digest: other }])
  const at = { registry: 'harbor', repository: 'mirror/library/alpine' }
  expect(history.brought.tags('base', at)).toEqual(['v0', 'v1'])
  expect(history.brought.tags('base', at, other)).toEqual(['v1'])
  expect(history.brought.tags('other', at)).toEqual([])
  expect(history.brought.count('base', 'harbor')).toBe(2)
  expect(history.brought.count('base', 'hub')).toBe(0)
})

test('knows for a day which tags a policy has deleted, but not those that it kept after all', async () => {
  let now = 1000
  const history = await open(temporaryDirectory(), { clock: { now: () => now } })
  const [first, second] = copies(2)
  if (!first || !second) throw new Error('no tasks')
  run(history, [{ ...first, action: 'delete' }])
  expect(history.brought.removed('base', tag('v0'))).toBe(1000)
  expect(history.brought.removed('base', tag('v1'))).toBeUndefined()
  now += 25 * 60 * 60 * 1000
  run(history, [{ ...second, action: 'delete' }])
  expect(history.brought.removed('base', tag('v0'))).toBeUndefined()
  expect(history.brought.removed('base', tag('v1'))).toBe(now)
  const id = begin(history)
  history.tasks.add(id, [{ ...first, action: 'delete' }])
  for (const task of history.tasks.takePending(id, 9, now, 'delete')) {
    history.tasks.finish(task.id, 'succeeded', { written: digest })
  }
  expect(history.brought.removed('base', tag('v0'))).toBeUndefined()
})
