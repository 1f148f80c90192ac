/** Tasks that failed, told and counted. */

import { expect, test } from 'vitest'
import { colorsFor } from '../../../src/cli/render/colors.ts'
import { createFailures, groupFailures } from '../../../src/cli/render/failures.ts'
import type { RecordedError, Task } from '../../../src/core/execution.ts'
import { task } from '../support.ts'

const plain = colorsFor(false)

function failed(id: number, destination: string, error: RecordedError): Task {
  const src_resource = destination.replace('zot/', 'hub/')
  return { ...task, id, status: 'failed', src_resource, dest_resource: destination, error }
}

function denied(id: number, repository: string): Task {
  const message = `destination zot: 403 DENIED (no push to ${repository})`
  return failed(id, `zot/${repository}:v${id}`, {
    code: 'registry',
    kind: '403 DENIED by zot',
    message,
    hint: 'robot (from the configuration) may not push there',
  })
}

test('a failed task shows what, where, why and what next', () => {
  const error = {
    code: 'registry',
    message: 'destination refused the manifest: 412 PRECONDITION (tag is immutable)',
    hint: 'the tag is protected by an immutability rule in project mirror; exclude it or set override: false',
  }
  const failures = createFailures(plain)
  expect(
    failures.add({ ...task, id: 3, status: 'failed', error }),
  ).toBe(`✗ hub/library/redis:7 → harbor/mirror/redis:7  destination refused the manifest: 412 PRECONDITION (tag is immutable)
  the tag is protected by an immutability rule in project mirror; exclude it or set override: false
  log: replicate executions logs 42 3
`)
  expect(failures.counted()).toBe('')
})

test('of many tasks that fail for one reason a few stand in full, the hint once, and the rest is counted', () => {
  const failures = createFailures(plain)
  const repositories = ['redis', 'redis', 'redis', 'redis', 'alpine', 'alpine', 'nginx', 'busybox', 'busybox', 'go']
  const texts = repositories.map((repository, at) => failures.add(denied(at + 1, repository)))
  const said = texts.join('')
  expect(said.match(/✗/g)).toHaveLength(3)
  expect(said.match(/robot \(from the configuration\) may not push there/g)).toHaveLength(1)
  expect(said.split('\n').at(-2)).toBe('  403 DENIED by zot: further tasks are counted, and told at the end')
  expect(texts.slice(4).every((text) => text === undefined)).toBe(true)
  expect(failures.counted()).toBe(
    '  403 DENIED by zot: 10 tasks (zot/redis ×4, zot/alpine ×2, zot/busybox ×2 and 2 more repositories)\n',
  )
})

test('each kind of failure has its own count, what hit most tasks first', () => {
  const failures = createFailures(plain)
  failures.add(failed(1, 'zot/app:v1', { code: 'missing', message: 'hub/app:v1 is not there' }))
  for (const id of [2, 3, 4]) failures.add(denied(id, 'redis'))
  expect(failures.counted()).toBe('  403 DENIED by zot: 3 tasks (zot/redis ×3)\n  … is not there: 1 task (zot/app)\n')
})

test('messages that differ in the names of their tasks alone are of one kind', () => {
  const tasks = ['a', 'b', 'c'].map((name, at) =>
    failed(at, `zot/${name}:1`, { code: 'missing', message: `hub/${name} is not there` }),
  )
  expect(groupFailures(tasks).map(({ title }) => title)).toEqual(['… is not there: 3 tasks (zot/a, zot/b, zot/c)'])
  expect(groupFailures(tasks.slice(1, 2)).map(({ title }) => title)).toEqual(['hub/b is not there'])
  expect(groupFailures([task])).toEqual([])
})

test('what fails for a hundred thousand reasons takes no more than so much memory', () => {
  const failures = createFailures(plain)
  for (let id = 1; id <= 100_000; id += 1) {
    failures.add(failed(id, `zot/r${id}:1`, { code: 'x', kind: `reason ${id}`, message: 'failed' }))
  }
  const lines = failures.counted().trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(1001)
  expect(lines[0]).toContain('other reasons: 99000 tasks')
})
