/** What is known of registries, by name and address. */

import { expect, test } from 'vitest'
import { openHistory } from '../../src/history/history.ts'
import { temporaryDirectory } from '../support/temporary.ts'

test('the newest check of a registry is kept, until it is another one', async () => {
  let now = Date.parse('2026-05-01T12:00:00Z')
  const redact = (text: string): string => text.replaceAll('hunter2', '***')
  const history = await openHistory(temporaryDirectory(), { clock: { now: () => now }, redact })
  expect(history.registries.status('hub', 'https://a')).toBeUndefined()
  history.registries.keepStatus('hub', 'https://a', 'refused hunter2')
  expect(history.registries.status('hub', 'https://a')).toEqual({
    status: 'unhealthy',
    reason: 'refused ***',
    since: '2026-05-01T12:00:00.000Z',
    checked_at: '2026-05-01T12:00:00.000Z',
  })
  now += 1000
  history.registries.keepStatus('hub', 'https://a')
  expect(history.registries.status('hub', 'https://a')).toEqual({
    status: 'healthy',
    reason: undefined,
    since: '2026-05-01T12:00:01.000Z',
    checked_at: '2026-05-01T12:00:01.000Z',
  })
  expect(history.registries.status('hub', 'https://b')).toBeUndefined()
  history.close()
})

test('a change is owed until it is notified, and the newest replaces the one before', async () => {
  let now = Date.parse('2026-05-01T12:00:00Z')
  const history = await openHistory(temporaryDirectory(), { clock: { now: () => now } })
  const { keepStatus, owed, settle } = history.registries
  keepStatus('hub', 'https://a', 'down', true)
  now += 60_000
  keepStatus('hub', 'https://a', 'still down')
  const down = { status: 'unhealthy', reason: 'still down', time: '2026-05-01T12:00:00.000Z' }
  expect(owed('hub', 'https://a')).toEqual(down)
  keepStatus('hub', 'https://a', undefined, true)
  expect(owed('hub', 'https://a')).toEqual({
    status: 'healthy',
    reason: undefined,
    time: '2026-05-01T12:01:00.000Z',
  })
  settle('hub', 'https://a')
  expect(owed('hub', 'https://a')).toBeUndefined()
  keepStatus('hub', 'https://a', 'down', true)
  keepStatus('hub', 'https://b')
  expect([owed('hub', 'https://a'), owed('hub', 'https://b')]).toEqual([undefined, undefined])
  history.close()
})

test('since when a registry is as it is, and when it changed, is kept', async () => {
  let now = Date.parse('2026-05-01T12:00:00Z')
  const history = await openHistory(temporaryDirectory(), { clock: { now: () => now } })
  const { registries } = history
  const check = (reason?: string) => {
    now += 60_000
    return registries.keepStatus('hub', 'https://a', reason)?.status
  }
  expect([check(), check(), check('down'), check('still down'), check()]).toEqual([
    undefined,
    'healthy',
    'healthy',
    'unhealthy',
    'unhealthy',
  ])
  check()
  expect(registries.status('hub', 'https://a')).toMatchObject({
    status: 'healthy',
    since: '2026-05-01T12:05:00.000Z',
    checked_at: '2026-05-01T12:06:00.000Z',
  })
  expect(registries.changes('hub', 'https://a')).toEqual([
    { status: 'healthy', reason: undefined, time: '2026-05-01T12:05:00.000Z' },
    { status: 'unhealthy', reason: 'down', time: '2026-05-01T12:03:00.000Z' },
    { status: 'healthy', reason: undefined, time: '2026-05-01T12:01:00.000Z' },
  ])
  expect(registries.changes('hub', 'https://b')).toEqual([])
  registries.keepStatus('other', 'https://c')
  for (let round = 0; round < 150; round += 1) check(round % 2 === 0 ? 'flaps' : undefined)
  expect(registries.changes('hub', 'https://a')).toHaveLength(100)
  expect(registries.changes('other', 'https://c')).toHaveLength(1)
  history.close()
})
