/** Durations, sizes, rates, suggestions, and the schema for editors. */

import { describe, expect, test } from 'vitest'
import { parseDuration } from '../../src/config/duration.ts'
import { jsonSchema } from '../../src/config/schema.ts'
import { parseRate, parseSize } from '../../src/config/size.ts'
import { nearest } from '../../src/config/suggest.ts'

test.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['90d', 7_776_000_000],
  ['30', undefined],
  ['s', undefined],
  ['5 m', undefined],
  ['-5m', undefined],
  ['', undefined],
  [`${'9'.repeat(30)}d`, undefined],
])('the duration %s', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds)
})

test.each([
  ['512KiB', 524_288],
  ['1GB', 1_000_000_000],
  ['1.5 MiB', 1_572_864],
  ['10b', 10],
  ['10', undefined],
  ['10iB', undefined],
  ['KB', undefined],
  ['50MiB/s', undefined],
])('the size %s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

test('a rate is a size a second', () => {
  expect(parseRate('50MiB/s')).toBe(52_428_800)
  expect(parseRate('50MiB')).toBeUndefined()
  expect(parseRate('/s')).toBeUndefined()
})

test('the nearest name is within two edits, and short names are not guessed', () => {
  const known = ['filters', 'source', 'destination', 'tag']
  expect(nearest('fitlers', known)).toBe('filters')
  expect(nearest('sorce', known)).toBe('source')
  expect(nearest('Source', known)).toBe('source')
  expect(nearest('tga', known)).toBe('tag')
  expect(nearest('x', known)).toBeUndefined()
  expect(nearest('flt', known)).toBeUndefined()
})

describe('the JSON Schema', () => {
  test('knows every key with a description', () => {
    const undescribed: string[] = []
    const visit = (schema: unknown, path: string): void => {
      if (typeof schema !== 'object' || schema === null) return
      for (const [key, value] of Object.entries(schema)) {
        if (key === 'properties') {
          for (const [name, property] of Object.entries(value as object)) {
            if (!('description' in property)) undescribed.push(`${path}.${name}`)
            visit(property, `${path}.${name}`)
          }
        } else visit(value, path)
      }
    }
    visit(jsonSchema(), '')
    expect(undescribed).toEqual([])
  })

  test('tells editors the kinds that YAML has', () => {
    const schema = JSON.stringify(jsonSchema())
    expect(schema).toContain('"type":"boolean"')
    expect(schema).toContain('"type":"integer"')
    expect(schema).toContain('draft-07')
  })
})
