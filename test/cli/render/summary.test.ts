/** The blocks of a run. */

import { expect, test } from 'vitest'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { executionSummary, headingLine, stageLine } from '../../../src/cli/render/summary.ts'
import { execution } from '../support.ts'

const plain = colorsFor(false)

test('a run reads as a heading, a line for each stage, and the summary', () => {
  const text = [
    headingLine({ policy: 'base-images', source: 'hub', destination: 'harbor/mirror' }, plain),
    stageLine('prepare', '2 registries reachable · mirror exists', plain),
    stageLine('transfer', '3/3  47.1 MiB copied, 31.9 MiB already there  23.6 MiB/s', plain),
    stageLine('post', 'verified 3 of 3', plain),
    executionSummary(execution, plain),
  ].join('')
  expect(text).toBe(`base-images  hub → harbor/mirror
prepare   2 registries reachable · mirror exists
transfer  3/3  47.1 MiB copied, 31.9 MiB already there                      23.6 MiB/s
post      verified 3 of 3
Execution 42 succeeded in 2.4 s
  total 3 · succeeded 3 · unchanged 58
`)
})

test('the rate stays on its line, however narrow the terminal is', () => {
  const text = '3/3  47.1 MiB copied, 31.9 MiB already there  23.6 MiB/s'
  expect(stageLine('transfer', text, plain, 80)).toBe(
    'transfer  3/3  47.1 MiB copied, 31.9 MiB already there               23.6 MiB/s\n',
  )
  expect(stageLine('transfer', text, plain, 20)).toBe(`transfer  ${text}\n`)
})

test('stopped and skipped tasks are counted where there are any', () => {
  const text = executionSummary({ ...execution, status: 'stopped', stopped: 2, skipped: 1 }, plain)
  expect(text).toContain('Execution 42 stopped in 2.4 s\n')
  expect(text).toContain('succeeded 3 · stopped 2 · skipped 1 · unchanged 58')
})

test('what was left behind is counted by what left it out, the most first', () => {
  const text = executionSummary({ ...execution, left_behind: { min_age: 8, 'exclude.tag': 12 } }, plain)
  expect(text.split('\n').at(-2)).toBe('  left behind 20 · exclude.tag 12 · min_age 8')
})
