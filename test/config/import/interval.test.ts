/** Intervals become schedules where cron has them. */

import { expect, test } from 'vitest'
import { goSeconds, scheduleEvery } from '../../../src/config/import/interval.ts'

test.each([
  ['30s', '*/30 * * * * *', true],
  ['45s', '*/30 * * * * *', false],
  ['1m', '* * * * *', true],
  ['5m0s', '*/5 * * * *', true],
  ['60m', '0 * * * *', true],
  ['90m', '0 * * * *', false],
  ['12h', '0 */12 * * *', true],
  ['7h', '0 */6 * * *', false],
  ['24h', '0 0 * * *', true],
  ['168h', '0 0 * * 0', true],
  ['36h', '0 0 * * *', false],
  ['48h', '0 0 */2 * *', false],
  ['200h', '0 0 * * 0', false],
])('every %s is %s', (text, cron, exact) => {
  expect(scheduleEvery(goSeconds(text) ?? 0)).toEqual({ cron, exact })
})

test('what is no duration has no seconds', () => {
  expect(goSeconds('1 day')).toBeUndefined()
})
