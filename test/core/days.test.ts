import { expect, test } from 'vitest'
import { daysBefore } from '../../src/core/days.ts'

const at = (text: string): number => Date.parse(text)

test('days end at midnight of their time zone', () => {
  expect(daysBefore(at('2026-11-30T23:30:00Z'), 2, 'UTC')).toEqual([
    { day: '2026-11-29', from: at('2026-11-29T00:00:00Z'), to: at('2026-11-30T00:00:00Z') },
    { day: '2026-11-30', from: at('2026-11-30T00:00:00Z'), to: at('2026-12-01T00:00:00Z') },
  ])
  expect(daysBefore(at('2026-11-30T23:30:00Z'), 1, 'Europe/Berlin')).toEqual([
    { day: '2026-12-01', from: at('2026-11-30T23:00:00Z'), to: at('2026-12-01T23:00:00Z') },
  ])
})

test('days on which clocks are moved are shorter or longer, and none is lost', () => {
  const hours = daysBefore(at('2026-10-26T12:00:00Z'), 366, 'Europe/Berlin')?.map(
    ({ from, to }) => (to - from) / 3_600_000,
  )
  expect(hours?.length).toBe(366)
  expect(hours?.filter((one) => one === 25).length).toBe(2)
  expect(hours?.filter((one) => one === 23).length).toBe(1)
})

test('what is not a time zone has no days', () => {
  expect(daysBefore(0, 1, 'Nowhere/Land')).toBeUndefined()
})
