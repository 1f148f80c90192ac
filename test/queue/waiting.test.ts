/** Which tasks go to a worker together. */

import { describe, expect, test } from 'vitest'
import { parseDigest } from '../../src/core/descriptor.ts'
import { computeDigest } from '../../src/core/manifest.ts'
import type { TaskSpec } from '../../src/core/plan.ts'
import { type Waiter, Waiting } from '../../src/queue/coordinator/waiting.ts'

function task(repository: string, tag: string, to = 'to', digest?: string): Waiter {
  const found = digest === undefined ? undefined : parseDigest(`sha256:${digest.padEnd(64, '0')}`)
  const spec: TaskSpec = {
    action: 'copy',
    resource_type: 'image',
    source: { registry: 'from', repository, tag },
    destination: { registry: to, repository, tag },
    ...(found && { digest: found }),
  }
  return { work: { task: spec } }
}

function waitingFor(...waiters: readonly Waiter[]): Waiting<Waiter> {
  const waiting = new Waiting<Waiter>()
  for (const waiter of waiters) waiting.add(waiter)
  return waiting
}

const idle = (): number => 0
const shown = (groups: readonly (readonly Waiter[])[]): readonly (readonly string[])[] =>
  groups.map((group) =>
    group.map(({ work }) => {
      if ('at' in work) return `${work.at.repository} ${work.at.blob.size}`
      const { registry, repository, tag } = work.task.destination
      return `${registry}/${repository}:${tag}`
    }),
  )

describe('the tasks of a job', () => {
  test('are of one repository, in their order', () => {
    const waiting = waitingFor(task('a', '1'), task('b', '1'), task('a', '2'), task('a', '3'))
    expect(shown(waiting.take({ most: 2, mixed: false }, idle))).toEqual([['to/a:1'], ['to/a:2']])
    expect(shown(waiting.take({ most: 2, mixed: false }, idle))).toEqual([['to/a:3']])
    expect(shown(waiting.take({ most: 2, mixed: false }, idle))).toEqual([['to/b:1']])
    expect(waiting.count).toBe(0)
  })

  test('are of several repositories where each has few and all are short', () => {
    const waiting = waitingFor(task('a', '1'), task('b', '1'), task('c', '1'))
    expect(shown(waiting.take({ most: 8, mixed: true }, idle))).toEqual([['to/a:1'], ['to/b:1'], ['to/c:1']])
  })

  test('are of a repository of which fewest are under way', () => {
    const waiting = waitingFor(task('a', '1'), task('b', '1'), task('c', '1'))
    const busy = (repository: string): number => (repository === 'from c' ? 1 : 3)
    expect(shown(waiting.take({ most: 1, mixed: false }, busy))).toEqual([['to/c:1']])
  })

  test('begin together where they copy one artifact to several destinations', () => {
    const waiting = waitingFor(
      task('a', '1', 'east', 'a1'),
      task('a', '2', 'east', 'a2'),
      task('a', '1', 'west', 'a1'),
      task('a', '2', 'west', 'a2'),
    )
    expect(shown(waiting.take({ most: 1, mixed: false }, idle))).toEqual([['east/a:1', 'west/a:1']])
    expect(waiting.count).toBe(2)
  })

  test('do not begin together for being the same content at one destination', () => {
    const waiting = waitingFor(task('a', '1', 'to', 'a1'), task('a', '2', 'to', 'a1'))
    expect(shown(waiting.take({ most: 2, mixed: false }, idle))).toEqual([['to/a:1'], ['to/a:2']])
  })

  test('leave out one that is not wanted any more', () => {
    const [first, second] = [task('a', '1'), task('a', '2')]
    const waiting = waitingFor(first, second)
    expect(waiting.remove(first)).toBe(true)
    expect(waiting.remove(first)).toBe(false)
    expect(waiting.all()).toEqual([second])
    expect(shown(waiting.take({ most: 2, mixed: false }, idle))).toEqual([['to/a:2']])
  })
})

describe('the blobs of a job', () => {
  const MiB = 1024 * 1024

  function blob(repository: string, size: number): Waiter {
    const digest = computeDigest(Buffer.from(`${repository} ${size}`))
    return { work: { at: { registry: 'to', repository, blob: { mediaType: '', digest, size } } } }
  }

  test('are many small ones, or a large one alone', () => {
    const sizes = [1, 2, 200 * MiB, 3, 40 * MiB, 30 * MiB]
    const waiting = waitingFor(...sizes.map((size) => blob('a', size)))
    const jobs = sizes.map(() =>
      waiting
        .take({ most: 4, mixed: false }, idle)
        .flat()
        .map(({ work }) => 'at' in work && work.at.blob.size),
    )
    expect(jobs).toEqual([[1, 2], [200 * MiB], [3, 40 * MiB], [30 * MiB], [], []])
    expect(waiting.count).toBe(0)
  })

  test('stand no other way than one by one, also where they are the same in two repositories', () => {
    const waiting = waitingFor(blob('a', 1), blob('b', 1))
    expect(shown(waiting.take({ most: 4, mixed: true }, idle))).toEqual([['a 1'], ['b 1']])
  })
})
