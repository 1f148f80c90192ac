/** Numbers, durations, times and foreign text as people read them. */

import { expect, test } from 'vitest'
import {
  formatDuration,
  formatRate,
  formatRelative,
  harmless,
  plural,
  printable,
  truncate,
} from '../../../src/cli/render/format.ts'

test('a rate is bytes a second', () => {
  expect(formatRate(24_746_394)).toBe('23.6 MiB/s')
})

test('durations use the two largest units', () => {
  expect([340, 2400, 59_949, 59_960, 185_000, 7_800_000, 273_600_000].map(formatDuration)).toEqual([
    '340 ms',
    '2.4 s',
    '59.9 s',
    '1 min',
    '3 min 5 s',
    '2 h 10 min',
    '3 d 4 h',
  ])
})

test('times are relative to now, and dates from a month on', () => {
  const now = Date.parse('2026-05-01T12:00:00Z')
  expect(formatRelative('2026-05-01T11:59:58Z', now)).toBe('just now')
  expect(formatRelative('2026-05-01T11:55:00Z', now)).toBe('5 min ago')
  expect(formatRelative('2026-05-01T14:00:00Z', now)).toBe('in 2 h')
  expect(formatRelative('2026-03-01T12:00:00Z', now)).toBe('2026-03-01')
})

test('text from outside loses what a terminal would obey', () => {
  expect(printable('a\u001b[31mred\u0007\r\nb\u202ec\u009b')).toBe('a[31mred bc')
})

test('of what is written only our own line ends, colours and erasures stay', () => {
  const ours = 'a\r\n\u001b[1mb\u001b[22m\t\u001b[31mc\u001b[39m\r\u001b[K'
  expect(harmless(ours)).toBe(ours)
  expect(harmless('x\u001b]0;owned\u0007\u001b[2J\u001b[8my\u009b2J\u202ez\u2066')).toBe('x]0;owned[2J[8my2Jz')
})

test('counts have their plural', () => {
  expect([plural(1, 'tag'), plural(58, 'tag'), plural(2, 'policy', 'policies')]).toEqual([
    '1 tag',
    '58 tags',
    '2 policies',
  ])
})

test('what is too long ends in an ellipsis', () => {
  expect([truncate('abc', 3), truncate('abcd', 3), truncate('abcd', 0)]).toEqual(['abc', 'ab…', ''])
})
