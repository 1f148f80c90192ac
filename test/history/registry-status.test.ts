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
    checked_at: '2026-05-01T12:00:00.000Z',
  })
  now += 1000
  history.registries.keepStatus('hub', 'https://a')
  expect(history.registries.status('hub', 'https://a')).toEqual({
    status: 'healthy',
    reason: undefined,
    checked_at: '2026-05-01T12:00:01.000Z',
  })
  expect(history.registries.status('hub', 'https://b')).toBeUndefined()
  history.close()
})
