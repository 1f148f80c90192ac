/** Large and hostile files: time grows with their length, and depth has a limit. */

import { describe, expect, test } from 'vitest'
import { adapters } from '../../adapters/index.ts'
import { importConfiguration } from '../../src/config/import/import.ts'
import { ConfigurationError } from '../../src/core/errors.ts'
import { complaints, load, problemsIn } from './setup.ts'

const repeated = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('')

const FORMS: Readonly<Record<string, (count: number) => void>> = {
  'policies that load': (count) =>
    load(
      `policies:\n${repeated(count, (i) => `  p${i}: {source: a.example.com/x/y${i}:1.*, destination: b.example.com/m}\n`)}`,
    ),
  'policies with a mistake each': (count) =>
    problemsIn(`policies:\n${repeated(count, (i) => `  p${i}: {source: a.example.com, destnation: b.example.com}\n`)}`),
  'names that stand twice': (count) =>
    problemsIn(`policies:\n${repeated(count, () => '  p: {source: a.example.com, destination: b.example.com}\n')}`),
  'owners of namespaces': (count) =>
    load(
      `policies:\n${repeated(count, (i) => `  p${i}: {scope: ${i % 2 ? 'namespace' : 'system'}, source: {registry: a.example.com, namespaces: n${i}}, destination: b.example.com}\n`)}`,
    ),
  'names in one list': (count) =>
    load(
      `policies: {p: {source: a.example.com, destination: b.example.com, filters: {name: [${repeated(count, (i) => `x/y${i},`)}]}}}`,
    ),
  'entries of regsync': (count) =>
    imported(
      'regsync',
      `sync:\n${repeated(count, (i) => `  - {source: "a.example.com/x/y:${i}", target: "b.example.com/x/y:${i}", type: image}\n`)}`,
    ),
  'entries of regsync that are left out, with an unknown key': (count) =>
    imported(
      'regsync',
      `sync:\n${repeated(count, () => `  - {source: "a.example.com/x:1", target: "b.example.com/x:2", type: image, odd: 1}\n`)}`,
    ),
  'entries of image-syncer': (count) =>
    imported(
      'image-syncer',
      repeated(count, (i) => `a.example.com/x/y${i}:1: b.example.com/x/y${i}\n`),
    ),
}

function imported(from: 'regsync' | 'image-syncer', text: string): void {
  importConfiguration({ from, file: { path: '/project/file', text } }, { cwd: '/project', types: adapters })
}

test.each(Object.entries(FORMS))('%s take time in proportion to their number', (_, read) => {
  const cost = (count: number): number => {
    const before = process.cpuUsage()
    read(count)
    return process.cpuUsage(before).user / 1000
  }
  cost(200)
  const [few, many] = [cost(400), cost(4000)]
  // Ten times as many: a hundred times as long if each were compared with each.
  expect(many).toBeLessThan(few * 40 + 500)
})

test.each([
  ['semver', `"${'1.'.repeat(50_000)}x"`],
  ['semver', `">=1 ${'|| 1 '.repeat(40_000)}"`],
  ['tag', `"${'{a,b}'.repeat(40_000)}"`],
  ['tag', `"${'*a'.repeat(100_000)}b"`],
  ['regex', `{tag: "${'(a+)+'.repeat(20_000)}"}`],
  ['regex', `{tag: "${'('.repeat(50_000)}"}`],
])('an endless filter by %s is read or refused in a moment', (field, value) => {
  const began = process.cpuUsage()
  complaints(
    `policies: {p: {source: {registry: a.example.com}, destination: b.example.com/x, filters: {${field}: ${value}}}}`,
  )
  expect(process.cpuUsage(began).user / 1e6).toBeLessThan(10)
})

describe('what is nested', () => {
  const deep = (levels: number): string => `x-deep: ${'['.repeat(levels)}${']'.repeat(levels)}`

  test('a hundred levels deep is read', () => {
    expect(complaints(deep(98))).toEqual([])
  })

  test.each([102, 5000, 200_000])('%d levels deep is refused', (levels) => {
    expect(complaints(deep(levels)).join('\n')).toContain('not YAML: it is nested too deeply')
  })

  test.each([102, 3000])('%d levels deep by aliases is refused', (levels) => {
    const anchors = repeated(levels, (i) => `  - &a${i} [${i === 0 ? '' : `*a${i - 1}`}]\n`)
    expect(complaints(`x-deep:\n${anchors}`).join('\n')).toContain('not YAML: it is nested too deeply')
  })

  test('in itself, or multiplied by aliases, is refused', () => {
    expect(complaints('x-loop: &a [*a]').join('\n')).toContain('not YAML')
    const bomb = `x-0: &a0 [x,x,x,x,x,x,x,x,x,x]\n${repeated(12, (i) => `x-${i + 1}: &a${i + 1} [${repeated(10, () => `*a${i},`)}]\n`)}`
    expect(complaints(bomb).join('\n')).toContain('not YAML')
  })

  test.each(['regsync', 'image-syncer', 'dregsy', 'harbor'] as const)('in a file of %s is refused, too', (from) => {
    for (const text of [`{"sync": ${'['.repeat(50_000)}`, `sync: ${'{a: '.repeat(500)}1${'}'.repeat(500)}`]) {
      const read = (): unknown =>
        importConfiguration({ from, file: { path: '/project/file', text } }, { cwd: '/project', types: adapters })
      expect(read).toThrow(ConfigurationError)
    }
  })
})
