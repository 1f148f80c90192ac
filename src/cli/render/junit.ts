/** Executions as a JUnit report: a suite for each execution, a case for each task. */

import type { Task } from '../../core/execution.ts'
import { printable } from './format.ts'
import type { ReportedExecution } from './reported.ts'

export function renderJunit(executions: readonly ReportedExecution[]): string {
  const suites = executions.map(suite)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="replicate">\n${suites.join('')}</testsuites>\n`
}

function suite({ execution, tasks }: ReportedExecution): string {
  const cases = tasks.map((task) => testCase(execution.policy, task))
  // What failed before there was any task must not look like a success.
  if (execution.error && !tasks.some((task) => task.status === 'failed')) {
    const { code, message, hint } = execution.error
    cases.push(
      `    <testcase${attributes({ classname: execution.policy, name: 'execution' })}>\n` +
        `      <error${attributes({ type: code, message })}>${escapeXml(hint ?? '')}</error>\n    </testcase>\n`,
    )
  }
  const head = attributes({
    name: execution.policy,
    tests: String(cases.length),
    failures: String(tasks.filter((task) => task.status === 'failed').length),
    errors: String(cases.length - tasks.length),
    skipped: String(tasks.filter(isSkipped).length),
    time: seconds(execution.duration_ms),
    timestamp: execution.start_time,
  })
  const left = Object.entries(execution.left_behind).map(
    ([reason, amount]) => `      <property${attributes({ name: `left_behind.${reason}`, value: String(amount) })}/>\n`,
  )
  const properties = left.length === 0 ? '' : `    <properties>\n${left.join('')}    </properties>\n`
  return `  <testsuite${head}>\n${properties}${cases.join('')}  </testsuite>\n`
}

function testCase(policy: string, task: Task): string {
  const took = task.start_time && task.end_time ? Date.parse(task.end_time) - Date.parse(task.start_time) : null
  const head = `    <testcase${attributes({ classname: policy, name: `${task.src_resource} → ${task.dest_resource}`, time: seconds(took) })}`
  if (task.status === 'failed') {
    const { code = 'unknown', message = 'failed', hint = '' } = task.error ?? {}
    return `${head}>\n      <failure${attributes({ type: code, message })}>${escapeXml(hint)}</failure>\n    </testcase>\n`
  }
  return isSkipped(task) ? `${head}>\n      <skipped/>\n    </testcase>\n` : `${head}/>\n`
}

function isSkipped(task: Task): boolean {
  return task.status !== 'failed' && task.status !== 'succeeded'
}

function seconds(milliseconds: number | null): string {
  return ((milliseconds ?? 0) / 1000).toFixed(3)
}

function attributes(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(value)}"`)
    .join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Also without the characters that XML 1.0 forbids. */
function escapeXml(text: string): string {
  return printable(text)
    .replace(/[\ufffe\uffff]/g, '')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
