/** Unfinished uploads of an execution: remembered while it runs, and tidied up when it is over. */

import type { Context } from '../core/context.ts'
import type { History } from '../history/history.ts'
import type { OpenCheckpoint } from '../transfer/job.ts'
import type { Endpoint } from './endpoint.ts'

/** Nothing is remembered where a destination has no uploads that another process could go on with: a directory. */
export function checkpoints(
  destinations: ReadonlyMap<string, Endpoint>,
  history: History,
  execution: number,
): OpenCheckpoint {
  return (name, repository, digest) => {
    const registry = destinations.get(name)?.registry.url
    return registry === undefined ? undefined : history.checkpoint(execution, { registry, repository, digest })
  }
}

/** Tells the destination to forget the uploads that nobody will go on with. Never fails. */
export async function discardUploads(
  { registry, adapter }: Endpoint,
  history: History,
  run: { readonly id: number; readonly ctx: Context },
): Promise<void> {
  if (registry.url === undefined) return
  const { total, succeed, skipped } = history.execution(run.id)
  for (const { repository, location } of history.takeAbandoned(run.id, registry.url, total === succeed + skipped)) {
    await adapter.repository(repository).discardBlob?.(location, run.ctx)
  }
}
