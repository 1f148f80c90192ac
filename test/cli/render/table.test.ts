/** Tables fit the width they are given. */

import { expect, test } from 'vitest'
import { renderFields, renderTable, tablePieces } from '../../../src/cli/render/table.ts'

const columns = [{ title: 'ID', align: 'right' }, { title: 'POLICY' }, { title: 'STATUS' }] as const

test('columns are as wide as their widest cell, two spaces apart', () => {
  const rows = [
    ['9', 'base-images', 'succeeded'],
    ['10', 'charts', 'failed'],
  ]
  expect(renderTable(columns, rows, Number.POSITIVE_INFINITY)).toBe(
    'ID  POLICY       STATUS\n 9  base-images  succeeded\n10  charts       failed\n',
  )
})

test('the widest column is cut where the terminal is too narrow', () => {
  const text = renderTable(columns, [['1', 'a-policy-with-a-very-long-name', 'succeeded']], 30)
  expect(text.split('\n')[1]).toBe(' 1  a-policy-with-…  succeeded')
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(30)
})

test('what matters least is left out before names become unreadable', () => {
  const many = [
    { title: 'ID', align: 'right' },
    { title: 'POLICY' },
    { title: 'TRIGGER', leave: 2 },
    { title: 'COPIED', align: 'right', leave: 1 },
  ] as const
  const rows = [['1', 'a-policy-with-a-very-long-name', 'schedule', '47.1 MiB']]
  const titles = (width: number) => renderTable(many, rows, width).split('\n')[0]?.trim().split(/ +/)
  expect(titles(Number.POSITIVE_INFINITY)).toEqual(['ID', 'POLICY', 'TRIGGER', 'COPIED'])
  expect(titles(50)).toEqual(['ID', 'POLICY', 'TRIGGER', 'COPIED'])
  expect(titles(40)).toEqual(['ID', 'POLICY', 'COPIED'])
  expect(titles(30)).toEqual(['ID', 'POLICY'])
  expect(renderTable(many, rows, 30)).toContain('a-policy-with-a-very-long…')
})

test('of a long table the first rows say how wide it is, and no number is cut', () => {
  const rows = [
    ['9', 'short', 'failed'],
    ['1000', 'a-longer-name', 'ok'],
  ]
  const lines = (width: number) => [...tablePieces(columns, rows, width, undefined, 1)].join('').split(/(?<=\n)/)
  expect(lines(80)).toEqual(['ID  POLICY  STATUS\n', ' 9  short   failed\n', '1000  a-lon…  ok\n'])
  expect(lines(Number.POSITIVE_INFINITY)[2]).toBe('1000  a-longer-name  ok\n')
  expect([...tablePieces(columns, [], 80)]).toEqual(['ID  POLICY  STATUS\n'])
})

test('a cell with control characters cannot break the table', () => {
  expect(renderTable([{ title: 'A' }], [['x\n\u001b[2Jy']], 80)).toBe('A\nx [2Jy\n')
})

test('an object is shown as one line for each value', () => {
  expect(renderFields({ name: 'x', source: { registry: 'hub', tags: ['a', 'b'] }, absent: null, empty: [] })).toBe(
    'name             x\nsource.registry  hub\nsource.tags      a, b\n',
  )
})
