/** The HTML report in a real browser. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { renderReport } from '../../src/cli/render/report/report.ts'
import type { ReportedExecution } from '../../src/cli/render/reported.ts'
import type { Task } from '../../src/core/execution.ts'
import { execution, task } from '../cli/support.ts'
import { askPage, hasBrowser, openPage } from '../support/browser.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const NOW = Date.parse('2026-05-01T12:05:00Z')

function page(...executions: readonly ReportedExecution[]): string {
  return file(renderReport(executions, NOW))
}

function file(text: string): string {
  const path = join(temporaryDirectory(), 'report.html')
  writeFileSync(path, text)
  return path
}

function tasks(count: number, of: (index: number) => Partial<Task> = () => ({})): Task[] {
  return Array.from({ length: count }, (_, index) => ({
    ...task,
    id: index + 1,
    src_resource: `hub/library/redis-${index % 7}:v${index}`,
    dest_resource: `harbor/mirror/library/redis-${index % 7}:v${index}`,
    ...of(index),
  }))
}

const failure = { status: 'failed', error: { code: 'registry', message: 'refused: 412', hint: 'exclude it' } } as const

const line = {
  id: 1,
  execution_id: 42,
  task_id: 1,
  level: 'warning',
  text: 'connection reset',
  time: '2026-05-01T12:00:01Z',
  event: undefined,
} as const

const usual: ReportedExecution = {
  execution: { ...execution, status: 'failed', failed: 2 },
  tasks: tasks(300, (index) => (index % 150 === 149 ? failure : {})),
  logs: { lines: [line], total: 1 },
}

const TAKES_LONG = 120_000

describe.runIf(hasBrowser())('in Chromium', { timeout: TAKES_LONG }, () => {
  test('the browser that looks sees requests and complaints', async () => {
    const { requests, console } = await openPage(
      file('<img src="http://images.test/a.png"><script>console.error("a complaint")</script>'),
    )
    expect(requests.join()).toContain('images.test')
    expect(console.join()).toContain('a complaint')
  })

  test('a report asks the network for nothing and complains of nothing', async () => {
    const { requests, console, dom } = await openPage(page(usual))
    expect(requests).toEqual([])
    expect(console).toEqual([])
    // Its script has run: it says how many are left.
    expect(dom).toContain('200 of 300 shown')
  })

  test.each([400, 1400])('a report is not wider than a window of %i pixels', async (width) => {
    const long = { src_resource: `hub/${'very-long-name/'.repeat(20)}x:v1`, dest_resource: 'x'.repeat(300) }
    const wide: ReportedExecution = {
      ...usual,
      execution: { ...usual.execution, policy: 'p'.repeat(120), bytes_copied: 2 ** 49, bytes_present: 2 ** 49 },
      tasks: tasks(30, (index) => ({ ...long, ...(index === 1 ? failure : {}), bytes_copied: 1023 * 2 ** 20 })),
      logs: { lines: [{ ...line, text: 'y'.repeat(500) }], total: 1 },
    }
    const file = page(wide, usual)
    const widths = await askPage(
      file,
      width,
      `document.querySelectorAll('details').forEach((one) => { one.open = true })
       return [...document.querySelectorAll('html, .card, .tile, .lines')].map((one) => [one.className, one.scrollWidth - one.clientWidth])`,
    )
    expect(widths).toContainEqual(['card', 0])
    expect((widths as [string, number][]).filter(([, excess]) => excess > 0)).toEqual([])
  })

  test('tasks are filtered by text and status, and more are shown on demand', async () => {
    const ask = `
      const part = document.querySelector('[data-list=tasks]')
      const [input, select, more] = ['input', 'select', '[data-more]'].map((one) => part.querySelector(one))
      const settle = () => new Promise((resolve) => setTimeout(resolve, 500))
      const state = () => [part.querySelector('[data-count]').textContent, part.querySelectorAll('tbody tr').length, more.hidden]
      const states = [state()]
      more.click()
      states.push(state())
      input.value = 'REDIS-3 v1'
      input.dispatchEvent(new Event('input'))
      await settle()
      states.push(state())
      input.value = ''
      input.dispatchEvent(new Event('input'))
      select.value = 'failed'
      select.dispatchEvent(new Event('change'))
      await settle()
      states.push(state(), part.querySelector('tbody').textContent)
      return states`
    expect(await askPage(page(usual), 1400, ask)).toEqual([
      ['200 of 300 shown', 200, false],
      ['300 shown', 300, true],
      [expect.stringMatching(/^\d+ shown, 300 in all$/), expect.any(Number), true],
      ['2 shown, 300 in all', 2, true],
      expect.stringContaining('refused: 412'),
    ])
  })

  test('names and messages are text, whatever they hold', async () => {
    const evil = `</script><script>document.title='owned'</script><img src=http://evil.test/x onerror="document.title='owned'">"'&\u202e<!--`
    const hostile: ReportedExecution = {
      execution: { ...execution, policy: evil, error: { code: 'x', message: evil, hint: evil } },
      tasks: tasks(3, () => ({
        ...failure,
        src_resource: evil,
        dest_resource: evil,
        error: { code: 'x', message: evil, hint: evil },
      })),
      logs: { lines: [{ ...line, text: evil }], total: 1 },
    }
    const path = page(hostile, hostile)
    const { requests, console, dom } = await openPage(path)
    expect(requests).toEqual([])
    expect(console).toEqual([])
    expect(dom).not.toContain('<img')
    // Also without the policy that would stop a script, and with rows that the report's own script made.
    const found = await askPage(
      path,
      1400,
      `const select = document.querySelector('select')
       select.value = 'failed'
       select.dispatchEvent(new Event('change'))
       return [document.title, document.querySelectorAll('img').length, document.scripts.length, document.querySelector('.why').textContent]`,
    )
    expect(found).toEqual([expect.stringContaining('Replication of </script>'), 0, 4, evil.replace('\u202e', '')])
  })

  test('a report of 100,000 tasks opens, filters, and says how many it shows', async () => {
    const many = page({ ...usual, tasks: tasks(100_000, (index) => (index === 99_998 ? failure : {})) })
    const answer = await askPage(
      many,
      1400,
      `const input = document.querySelector('input')
       const first = document.querySelector('[data-count]').textContent
       const began = performance.now()
       input.value = 'redis-4:v99999'
       input.dispatchEvent(new Event('input'))
       await new Promise((resolve) => setTimeout(resolve, 500))
       return [first, document.querySelector('[data-count]').textContent, document.querySelector('.why') === null]`,
    )
    expect(answer).toEqual(['200 of 100,000 shown', '1 shown, 100,000 in all', true])
  })
})
