/** What the history remembers of blobs: unfinished uploads, tidied up when an execution is over, and where blobs are. */

import type { Context } from '../../core/context.ts'
import type { History } from '../../history/history.ts'
import type { BlobHints, OpenCheckpoint } from '../../transfer/job.ts'
import type { Endpoint } from '../endpoint.ts'
import { attempt } from './recording.ts'

/** Uploads to a directory are not remembered: another process could not resume them. */
export function checkpoints(
  destinations: ReadonlyMap<string, Endpoint>,
  history: History,
  execution: number,
): OpenCheckpoint {
  return (name, repository, digest) => {
    const registry = destinations.get(name)?.registry.url
    if (registry === undefined) return undefined
    const kept = history.uploads.checkpoint(execution, { registry, repository, digest })
    // A history that cannot be used is told by the task that ends next: an upload continues without being remembered.
    return {
      load: () => attempt(kept.load),
      save: (state, offset) => attempt(() => kept.save(state, offset)),
      clear: () => attempt(kept.clear),
    }
  }
}

/** A registry is known by its URL, whatever a configuration calls it. */
export function hintsOf(destinations: ReadonlyMap<string, Endpoint>, history: History): BlobHints {
  const urlOf = (name: string): string | undefined => destinations.get(name)?.registry.url
  return {
    homeOf(name, digest) {
      const url = urlOf(name)
      return url === undefined ? undefined : attempt(() => history.blobHomes.find(url, digest))
    },
    remember(name, repository, digest) {
      const url = urlOf(name)
      if (url !== undefined) attempt(() => history.blobHomes.remember(url, repository, digest))
    },
  }
}

/** Tells the destination to forget the uploads that no process will resume. Never fails. */
export async function discardUploads(
  { registry, adapter }: Endpoint,
  history: History,
  run: { readonly id: number; readonly ctx: Context },
): Promise<void> {
  if (registry.url === undefined) return
  const { total, succeed, skipped } = history.executions.get(run.id)
  const abandoned = history.uploads.takeAbandoned(run.id, registry.url, total === succeed + skipped)
  for (const { repository, location } of abandoned) {
    await adapter.repository(repository).discardBlob?.(location, run.ctx)
  }
}
