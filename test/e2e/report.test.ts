/** Reports as a user asks for them: with a run, or of an execution of long ago. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { image } from '../support/images.ts'
import { type MemoryRegistry, startMemoryRegistry } from '../support/memory-registry.ts'
import { policyBetween } from './harness.ts'
import { type Program, program } from './program.ts'

let registries: readonly MemoryRegistry[] = []
let here: Program

beforeEach(async () => {
  const source = await startMemoryRegistry({
    fault: ({ route, path }) => (route === 'blob' && path.includes('/bad/') ? { status: 403 } : undefined),
  })
  const destination = await startMemoryRegistry()
  registries = [source, destination]
  source.add('good', image({ seed: 'good' }), 'v1')
  source.add('bad', image({ seed: 'bad' }), 'v1')
  here = program()
  here.write('policy.yaml', policyBetween(source.url, destination.url))
})

afterEach(async () => {
  for (const one of registries) await one.close()
})

const read = (name: string): string => readFileSync(join(here.directory, name), 'utf8')

test.each([
  ['r.html', /^<!doctype html>.*data-id="1".*from\/bad:v1/s],
  ['r.xml', /<testsuite name="copy" tests="2" failures="1"/],
  ['r.json', /^\{\n {2}"executions": \[\n/],
])('run writes %s, also where a task fails, and adds to the summary of a GitHub job', async (name, content) => {
  here.write('step.md', 'before\n')
  const env = { GITHUB_STEP_SUMMARY: join(here.directory, 'step.md') }
  const ran = await here.run(['run', 'policy.yaml', '--report', name, '--summary', 'summary.md'], { env })
  expect(ran.code).toBe(1)
  expect(read(name)).toMatch(content)
  expect(read('summary.md')).toContain('| `copy` | ❌ failed | 1/2 | 1 |')
  expect(read('step.md')).toBe(`before\n${read('summary.md')}`)
})

test('an execution of before is reported in every kind', async () => {
  await here.run(['run', 'policy.yaml', '--report', 'run.json', '--summary', 'run.md'])
  const files = await here.run(['executions', 'report', 'last', '--html', 'r.html', '--junit', 'r.xml'])
  expect(files).toMatchObject({ code: 0, stdout: '' })
  expect(files.stderr).toMatch(/^wrote r\.html, .+ KiB\nwrote r\.xml, .+\n$/)
  expect(read('r.html')).toContain('attempt 1: source from: ')
  expect(read('r.xml')).toContain('<failure type="registry"')
  expect((await here.run(['executions', 'report', '1', '--json'])).stdout).toBe(read('run.json'))
  expect((await here.run(['executions', 'report', 'last:copy', '--markdown'])).stdout).toBe(read('run.md'))
})

test('the page has the rate that the run said, and where it goes', async () => {
  const { stderr } = await here.run(['run', 'policy.yaml', '--report', 'r.html'])
  const [, rate = 'no rate'] = /^.* transfer {2}.* (\S+ \S+\/s)$/m.exec(stderr) ?? []
  expect(read('r.html')).toContain(`<b>${rate}</b><span>on average</span>`)
  expect(read('r.html')).toContain('<p class="route">from → to/mirror</p>')
})

test('a report that nobody could read or write is refused with what to do', async () => {
  const none = await here.run(['executions', 'report', 'last', '--markdown'])
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('the history is empty') })
  await here.run(['run', 'policy.yaml'])
  const refused = async (...args: string[]) => {
    const { code, stderr } = await here.run(['executions', 'report', 'last', ...args])
    expect(code).toBe(2)
    return stderr
  }
  expect(await refused()).toContain('give --html FILE, --junit FILE, --markdown or --json')
  expect(await refused('--html', 'missing/r.html')).toContain('is not a directory')
  expect(await refused('--html', '.')).toContain('it is a directory')
  expect(await refused('--junit', '/proc/r.xml')).toContain('cannot write /proc/r.xml')
})
