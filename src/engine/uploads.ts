/** Unfinished uploads of an execution: remembered while it runs, and tidied up when it is over. */

import type { Context } from '../core/context.ts'
import type { History } from '../history/history.ts'
import type { OpenCheckpoint } from '../transfer/job.ts'
import type { Endpoint } from './endpoint.ts'

interface Uploading {
  readonly destination: Endpoint
  readonly history: History
}

/** Undefined where the destination has no uploads that another process could go on with: a directory. */
export function checkpoints({ destination, history }: Uploading, execution: number): OpenCheckpoint | undefined {
  const { url } = destination.registry
  if (url === undefined) return undefined
  return (repository, digest) => history.checkpoint(execution, { registry: url, repository, digest })
}

/** Tells the destination to forget the uploads that nobody will go on with. Never fails. */
export async function discardUploads(
  { destination, history }: Uploading,
  run: { readonly id: number; readonly ctx: Context },
): Promise<void> {
  const { registry, adapter } = destination
  if (registry.url === undefined) return
  const { total, succeed, skipped } = history.execution(run.id)
  for (const { repository, location } of history.takeAbandoned(run.id, registry.url, total === succeed + skipped)) {
    await adapter.repository(repository).discardBlob?.(location, run.ctx)
  }
}
