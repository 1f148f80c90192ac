/** Pages of tasks: in any order, narrowed, found by a text, and the same as a walk through all of them. */

import { expect, test } from 'vitest'
import type { Task } from '../../src/core/execution.ts'
import type { TaskSpec } from '../../src/core/plan.ts'
import type { Page } from '../../src/history/executions/listing.ts'
import type { TaskPageRequest } from '../../src/history/tasks/page.ts'
import { begin, open } from './setup.ts'

const COUNT = 9000

function specs(): TaskSpec[] {
  return Array.from({ length: COUNT }, (_, at) => ({
    action: 'copy',
    resource_type: 'image',
    source: { registry: 'hub', repository: `team-${at % 7}/service-${at % 900}`, tag: `v${at}` },
    destination: { registry: 'mirror', repository: `Backup/service-${at % 900}`, tag: `v${at}` },
    digest: `sha256:${'a'.repeat(64)}`,
  }))
}

test('a page is what a walk through all tasks finds, and others get their turn during a search, and while it is put in order', async () => {
  const history = await open()
  // Numbers within an execution are not those of the rows.
  history.tasks.add(begin(history, 'other'), specs().slice(0, 10))
  const id = begin(history)
  history.tasks.add(id, specs())
  for (const { id: row, number } of history.tasks.takePending(id, 300, 0)) {
    const moved = { bytes_copied: (number * 37) % 101, bytes_mounted: 0, bytes_present: 0 }
    if (number % 3 > 0) history.tasks.finish(row, number % 3 === 1 ? 'succeeded' : 'failed', { moved })
  }
  const all = [...history.tasks.list(id)]
  expect(all.map((task) => task.id)).toEqual(Array.from({ length: COUNT }, (_, at) => at + 1))

  function read(request: TaskPageRequest): { readonly page: Page<Task>; readonly steps: number } {
    const walk = history.tasks.page(id, request)
    for (let steps = 0; ; steps += 1) {
      const step = walk.next()
      if (step.done) return { page: step.value, steps }
    }
  }
  const numbers = ({ rows }: Page<Task>): readonly number[] => rows.map((task) => task.id)

  for (const status of [undefined, 'pending', 'in_progress', 'succeeded', 'failed', 'stopped'] as const) {
    for (const text of [undefined, 'SERVICE-89', 'mirror/backup/service-7:', 'team-3', 'nothing', '%']) {
      for (const order of ['id', 'bytes_copied', 'end_time'] as const) {
        for (const descending of [false, true]) {
          const found = all
            .filter((task) => status === undefined || task.status === status)
            .filter(
              (task) =>
                text === undefined ||
                `${task.src_resource} ${task.dest_resource}`.toLowerCase().includes(text.toLowerCase()),
            )
            .toSorted((a, b) => {
              const [one, other] = order === 'end_time' ? [a.end_time ?? '', b.end_time ?? ''] : [a[order], b[order]]
              const way = one < other ? -1 : one > other ? 1 : a.id - b.id
              return descending ? -way : way
            })
          for (const offset of [0, Math.max(0, found.length - 5)]) {
            const request = { status, text, order, descending, offset, limit: 10 }
            const { page, steps } = read(request)
            expect(page.total, JSON.stringify(request)).toBe(found.length)
            expect(numbers(page), JSON.stringify(request)).toEqual(
              found.slice(offset, offset + 10).map((task) => task.id),
            )
            const isLooked = text !== undefined || order !== 'id'
            expect(steps > 2).toBe(isLooked && (status === undefined || status === 'pending'))
          }
        }
      }
    }
  }
  expect(history.tasks.get(id, COUNT)).toEqual(all.at(-1))
})
