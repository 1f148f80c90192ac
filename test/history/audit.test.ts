/** The audit log: what it keeps, how it is asked, and that it is bounded. */

import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Actor, Deed } from '../../src/core/audit.ts'
import { createAudit } from '../../src/history/audit.ts'
import { openDatabase } from '../../src/history/database/database.ts'
import { migrate } from '../../src/history/database/migrations.ts'
import { openHistory } from '../../src/history/history.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const ANN: Actor = { who: 'ann', role: 'admin', origin: '192.0.2.7' }
const BOB: Actor = { who: 'bob', role: null, origin: 'cli' }
const changed = (name: string): Deed => ({ verb: 'changed', noun: 'policy', name, detail: '/etc/replicate.yaml' })

test('says who did what, when and from where, the newest first, and finds by each of them', async () => {
  let now = Date.parse('2026-05-01T12:00:00Z')
  const { audit, close } = await openHistory(temporaryDirectory(), { clock: { now: () => now } })
  audit.add(ANN, changed('one'))
  now += 60_000
  audit.add(BOB, { verb: 'started', noun: 'policy', name: 'one', detail: 'execution 1' })
  expect(audit.page({ limit: 10 })).toEqual({
    total: 2,
    rows: [
      {
        id: 2,
        time: '2026-05-01T12:01:00.000Z',
        ...BOB,
        verb: 'started',
        noun: 'policy',
        name: 'one',
        detail: 'execution 1',
      },
      { id: 1, time: '2026-05-01T12:00:00.000Z', ...ANN, ...changed('one') },
    ],
  })
  const ids = (request: Partial<Parameters<typeof audit.page>[0]>) =>
    audit.page({ limit: 10, ...request }).rows.map(({ id }) => id)
  expect(ids({ who: 'ann' })).toEqual([1])
  expect(ids({ verb: 'started' })).toEqual([2])
  expect(ids({ noun: 'registry' })).toEqual([])
  expect(ids({ name: 'one', ascending: true })).toEqual([1, 2])
  expect(ids({ since: now })).toEqual([2])
  expect(ids({ limit: 1, offset: 1 })).toEqual([1])
  close()
})

test('keeps the newest lines only, and no secret and no endless text', async () => {
  const database = await openDatabase(join(temporaryDirectory(), 'history.db'), false)
  migrate(database)
  const audit = createAudit(database, Date.now, (text) => text.replaceAll('hunter2', '***'), 3)
  for (const name of ['a', 'b', 'c', 'd', 'hunter2', 'x'.repeat(5000)]) audit.add(ANN, changed(name))
  const { rows, total } = audit.page({ limit: 10 })
  expect(total).toBe(3)
  expect(rows.map(({ name }) => name)).toEqual(['x'.repeat(1000), '***', 'd'])
  database.close()
})
