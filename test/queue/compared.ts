/** What of a run must be the same with workers and without. */

import type { MemoryRegistry } from '../support/memory-registry.ts'
import type { Ran } from './workplace.ts'

/** What must not differ: not times, not the order in which tasks run side by side, and not how long something took. */
export function comparable(
  { outcome, execution, tasks, logs }: Ran,
  to: MemoryRegistry,
  plain: (text: string) => string,
) {
  const { start_time: _, end_time: __, duration_ms: ___, ...counts } = execution
  const repositories = [...to.repositories.keys()].map((name) => {
    const { tags, blobs } = to.repository(name)
    return { name, tags: [...tags].sort(), blobs: [...blobs.keys()].sort() }
  })
  return {
    exitCode: outcome.exitCode,
    error: outcome.error === undefined ? undefined : plain(String(outcome.error)),
    counts,
    tasks: tasks.map(({ start_time: _s, end_time: _e, ...task }) => JSON.parse(plain(JSON.stringify(task)))),
    logs: logs.map((line) => plain(line).replace(/[\d.]+ [KMG]?i?B\/s|again in \d+ ms/g, '…')).sort(),
    repositories: repositories.sort((a, b) => (a.name < b.name ? -1 : 1)),
  }
}
