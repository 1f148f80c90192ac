/** The blocks of a run. */

import { expect, test } from 'vitest'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { executionSummary, failedTask, headingLine, stageLine } from '../../../src/cli/render/summary.ts'
import { RegistryError } from '../../../src/core/errors.ts'
import { execution } from '../support.ts'

const plain = colorsFor(false)

test('a run reads as a heading, a line for each stage, and the summary', () => {
  const text = [
    headingLine({ policy: 'base-images', source: 'hub', destination: 'harbor/mirror' }, plain),
    stageLine('prepare', '2 registries reachable · mirror exists', plain),
    stageLine('transfer', '3/3  47.1 MiB copied, 31.9 MiB already there  23.6 MiB/s', plain),
    stageLine('post', 'verified 3 of 3', plain),
    '\n',
    executionSummary(execution, plain),
  ].join('')
  expect(text).toBe(`base-images  hub → harbor/mirror
prepare   2 registries reachable · mirror exists
transfer  3/3  47.1 MiB copied, 31.9 MiB already there                      23.6 MiB/s
post      verified 3 of 3

Execution 42 succeeded in 2.4 s
  total 3 · succeeded 3 · failed 0 · in progress 0 · unchanged 58
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
  expect(text).toContain('in progress 0 · stopped 2 · skipped 1 · unchanged 58')
})

test('a failed task shows what, where, why and what next', () => {
  const error = new RegistryError('destination refused the manifest: 412 PRECONDITION (tag is immutable)', {
    status: 412,
    method: 'PUT',
    path: '/v2/mirror/redis/manifests/7',
    hint: 'the tag is protected by an immutability rule in project mirror; exclude it or set override: false',
  })
  expect(
    failedTask({ execution: 42, task: 3, name: 'library/redis:7 → mirror/redis:7', error }, plain),
  ).toBe(`✗ library/redis:7 → mirror/redis:7  destination refused the manifest: 412 PRECONDITION (tag is immutable)
  the tag is protected by an immutability rule in project mirror; exclude it or set override: false
  log: replicate executions logs 42 3
`)
})

test('a hint is shown with the first task that needs it', () => {
  const hinted = new Set<string>()
  const shown = (task: number, hint: string): string =>
    failedTask({ execution: 42, task, name: 'a', error: { code: 'x', message: 'refused', hint } }, plain, hinted)
  expect(shown(1, 'log in')).toContain('\n  log in\n')
  expect(shown(2, 'log in')).not.toContain('log in')
  expect(shown(3, 'wait')).toContain('\n  wait\n')
})

test('what was left behind is counted by what left it out, the most first', () => {
  const text = executionSummary({ ...execution, left_behind: { min_age: 8, 'exclude.tag': 12 } }, plain)
  expect(text.split('\n').at(-2)).toBe('  left behind 20 · exclude.tag 12 · min_age 8')
})
