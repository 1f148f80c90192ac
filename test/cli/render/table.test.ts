/** Tables fit the width they are given. */

import { expect, test } from 'vitest'
import { renderFields, renderTable } from '../../../src/cli/render/table.ts'

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

test('a cell with control characters cannot break the table', () => {
  expect(renderTable([{ title: 'A' }], [['x\n\u001b[2Jy']], 80)).toBe('A\nx [2Jy\n')
})

test('an object is shown as one line for each value', () => {
  expect(renderFields({ name: 'x', source: { registry: 'hub', tags: ['a', 'b'] }, absent: null, empty: [] })).toBe(
    'name             x\nsource.registry  hub\nsource.tags      a, b\n',
  )
})
