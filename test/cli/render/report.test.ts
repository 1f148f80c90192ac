/** Reports for other programs. */

import { expect, test } from 'vitest'
import { renderJunit } from '../../../src/cli/render/junit.ts'
import { renderMarkdown } from '../../../src/cli/render/markdown.ts'
import { execution, task } from '../support.ts'

const failed = {
  ...task,
  id: 2,
  status: 'failed',
  error: { code: 'registry', message: 'refused: <412> & "more"', hint: 'exclude it' },
} as const
const one = { execution: { ...execution, status: 'failed', failed: 1 } as const, tasks: [task, failed] }

test('JUnit has a case for each task and escapes what it holds', () => {
  expect(renderJunit([one])).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="replicate">
  <testsuite name="base-images" tests="2" failures="1" errors="0" skipped="0" time="2.400" timestamp="2026-05-01T12:00:00Z">
    <testcase classname="base-images" name="hub/library/redis:7 → harbor/mirror/redis:7" time="1.500"/>
    <testcase classname="base-images" name="hub/library/redis:7 → harbor/mirror/redis:7" time="1.500">
      <failure type="registry" message="refused: &lt;412&gt; &amp; &quot;more&quot;">exclude it</failure>
    </testcase>
  </testsuite>
</testsuites>
`)
})

test('an execution that failed before it had tasks is an error in JUnit', () => {
  const error = { code: 'network', message: 'no route' }
  expect(renderJunit([{ execution: { ...execution, error }, tasks: [] }])).toContain('errors="1"')
})

test('Markdown shows a table and the failed tasks, with markup made harmless', () => {
  const text = renderMarkdown([one])
  expect(text).toContain('| base-images | ❌ failed | 3/3 | 1 | 58 | 47.1 MiB | 2.4 s |')
  expect(text).toContain('- hub/library/redis:7 → harbor/mirror/redis:7: refused: \\<412\\> & "more". exclude it')
})

test('Markdown does not call failed what still runs', () => {
  const running = { execution: { ...execution, status: 'in_progress', duration_ms: null }, tasks: [] } as const
  expect(renderMarkdown([running])).toContain('| base-images | ⏳ in progress |')
})
