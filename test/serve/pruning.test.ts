/** What `serve.history` deletes while the daemon runs. */

import { expect, test } from 'vitest'
import { startSchedules } from '../../src/serve/schedule/schedule.ts'
import { manualClock } from '../support/manual-clock.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { serveInTime } from './in-time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const yaml = (history: string): string => `registries: {a: {type: docker-registry, url: 'http://127.0.0.1:1'}}
policies:
  short: {source: {registry: a}, destination: {registry: a, namespace: m}, triggers: [{schedule: "*/10 * * * *"}]}
  long: {source: {registry: a}, destination: {registry: a, namespace: n}, triggers: [{schedule: "1 0 * * *"}]}
serve: {listen: 127.0.0.1:0, history: ${history}}
`

async function served(history: string) {
  const clock = manualClock()
  const daemon = await serveInTime(yaml(history), {
    directory: temporaryDirectory(),
    clock,
    parts: [startSchedules],
    duration: (policy) => (policy === 'long' ? 5 * HOUR : 0),
  })
  return { ...daemon, clock }
}

test('keep leaves the newest of each policy, and older_than those that are young enough, every hour', async () => {
  const few = await served('{keep: 2}')
  await few.clock.advance(3 * HOUR + MINUTE)
  const kept = few.history.executions.list({ policy: 'short', limit: 100 })
  // At the full hour there were those of 2:50 and 2:40, and that of the hour itself may have been the newest already.
  expect(kept.length).toBeGreaterThanOrEqual(2)
  expect(kept.length).toBeLessThanOrEqual(3)
  expect(kept[0]?.id).toBeGreaterThanOrEqual(18)

  const young = await served('{older_than: 1h}')
  await young.clock.advance(3 * HOUR + MINUTE)
  const ages = young.history.executions
    .list({ policy: 'short', limit: 100 })
    .map(({ start_time }) => young.clock.now() - Date.parse(start_time ?? ''))
  expect(ages.length).toBeGreaterThanOrEqual(6)
  expect(Math.max(...ages)).toBeLessThanOrEqual(HOUR + MINUTE)
  expect(young.news).toContainEqual(
    expect.objectContaining({ type: 'log', text: expect.stringMatching(/^pruned the history: \d+ executions$/) }),
  )
})

test('an execution that runs is not deleted, however old it is', async () => {
  const { clock, history } = await served('{keep: 1, older_than: 1h}')
  await clock.advance(4 * HOUR)
  expect(history.executions.list({ policy: 'long', limit: 100 })).toMatchObject([{ status: 'in_progress' }])
  await clock.advance(3 * HOUR)
  expect(history.executions.list({ policy: 'long', limit: 100 })).toMatchObject([])
})
