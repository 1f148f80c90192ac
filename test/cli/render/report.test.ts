/** Reports for other programs. */

import { expect, test } from 'vitest'
import metadata from '../../../package.json' with { type: 'json' }
import { renderJunit } from '../../../src/cli/render/junit.ts'
import { renderMarkdown } from '../../../src/cli/render/markdown.ts'
import { renderReport } from '../../../src/cli/render/report/report.ts'
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

test('what was left behind is a property of the suite in JUnit', () => {
  const left = { ...one, execution: { ...one.execution, left_behind: { 'exclude.tag': 12, min_age: 8 } } }
  expect(renderJunit([left])).toContain(
    '>\n    <properties>\n      <property name="left_behind.exclude.tag" value="12"/>\n      <property name="left_behind.min_age" value="8"/>\n    </properties>\n',
  )
})

test('a name that the source lacks is a failure in JUnit and a line in Markdown', () => {
  const error = { code: 'missing', message: 'the source has no tag 9.*', hint: 'or write `missing: warn`' }
  const lacking = { execution: one.execution, tasks: [{ ...failed, error }] }
  expect(renderJunit([lacking])).toContain('<failure type="missing" message="the source has no tag 9.*">')
  expect(renderMarkdown([lacking])).toContain(': `the source has no tag 9.*`, `` or write `missing: warn` ``')
})

test('Markdown shows a table and the failed tasks, with names and messages as code', () => {
  const text = renderMarkdown([one])
  expect(text).toContain('| `base-images` | ❌ failed | 3/3 | 1 | 58 | 47.1 MiB | 2.4 s |')
  expect(text).toContain('- `hub/library/redis:7 → harbor/mirror/redis:7`: `refused: <412> & "more"`, `exclude it`\n')
})

test('Markdown says one reason once, with one hint', () => {
  const many = { ...one, tasks: [failed, { ...failed, id: 3, src_resource: 'hub/library/nginx:1' }] }
  expect(renderMarkdown([many]).split('\n').slice(-4)).toEqual([
    '- `refused: <412> & "more": 2 tasks (harbor/mirror/redis ×2)`, `exclude it`',
    '  - `hub/library/redis:7 → harbor/mirror/redis:7`',
    '  - `hub/library/nginx:1 → harbor/mirror/redis:7`',
    '',
  ])
})

test.each([
  ['see https://evil.example.com, @everyone and #1', '`see https://evil.example.com, @everyone and #1`'],
  ['a ` b `` c', '``` a ` b `` c ```'],
  ['<img src=x>\n# heading | column', '`<img src=x> # heading | column`'],
])('in Markdown %j is no link, no mention and no markup', (message, shown) => {
  const text = renderMarkdown([{ ...one, tasks: [{ ...failed, error: { code: 'x', message } }] }])
  expect(text).toContain(`: ${shown}\n`)
})

test('Markdown and HTML say what was left behind', () => {
  const left = { ...one, execution: { ...one.execution, left_behind: { tag: 3 } } }
  expect(renderMarkdown([left])).toContain('\n- `left behind 3 · tag 3`\n')
  expect(renderReport([left], 0)).toContain('<p class="note">left behind 3 · tag 3</p>')
  expect(renderReport([one], 0)).not.toContain('left behind')
})

test('HTML shows a rate only for bytes that were copied, and a bar only for tasks', () => {
  const copied = renderReport([one], 0)
  expect(copied).toContain('<span>on average</span>')
  expect(copied).toContain('class="share"')
  const idle = { execution: { ...execution, bytes_copied: 0, total: 0, succeed: 0 }, tasks: [] }
  const page = renderReport([idle], 0)
  expect(page).not.toContain('on average')
  expect(page).not.toContain('class="share"')
})

test('HTML names source, destination and version, and the rate that the run itself said', () => {
  const heading = { policy: 'base-images', source: 'hub', destination: 'harbor/mirror' }
  const page = renderReport([{ ...one, heading, logs: { lines: [], total: 0, rate: '23.6 MiB/s' } }], 0)
  expect(page).toContain('hub → harbor/mirror</p>')
  expect(page).toContain(`<code>replicate</code> ${metadata.version}</p>`)
  expect(page).toContain('<b>23.6 MiB/s</b><span>on average</span>')
})

test('HTML groups failures by what they have in common, not by their texts', () => {
  const tasks = ['a', 'b', 'c'].map((name, id) => {
    const error = { code: 'registry', kind: '403 DENIED by harbor', message: `403 DENIED (push to ${name})` }
    return { ...failed, id, dest_resource: `harbor/${name}:1`, error }
  })
  const page = renderReport([{ ...one, tasks }], 0)
  expect(page).toContain(
    '<b>403 DENIED by harbor: 3 tasks (harbor/a, harbor/b, harbor/c)</b><p>403 DENIED (push to a)</p>',
  )
  expect(page.match(/<div class="error">/g)).toHaveLength(1)
})

test('Markdown does not call failed what still runs', () => {
  const running = { execution: { ...execution, status: 'in_progress', duration_ms: null }, tasks: [] } as const
  expect(renderMarkdown([running])).toContain('| `base-images` | ⏳ in progress |')
})
