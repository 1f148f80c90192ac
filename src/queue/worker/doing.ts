/** What a worker does of one run: its tasks, or the reading of its blobs. */

import type { Context } from '../../core/context.ts'
import type { Done } from '../../engine/run/runner.ts'
import type { GivenWork, JobData, RunRecord, TaskEnd } from '../protocol.ts'
import type { QueueServer } from '../server.ts'
import { type BlobTools, openBlobs } from './blobs.ts'
import { openTasks, type TaskTools } from './tasks.ts'

export interface Doing {
  /** Throws what it fails with. `done` grows meanwhile. */
  carryOut(given: GivenWork, hanging: JobData['hanging'], done: Done, ctx: Context): Promise<void>
  /** What is told of it at its end, beside its failure. */
  resultOf(done: Done): Omit<TaskEnd, 'error'>
  release(): Promise<void>
}

export interface DoingTools extends TaskTools, BlobTools {
  readonly server: QueueServer
}

/** Throws where the worker cannot open what it needs. */
export async function openDoing(record: RunRecord, tools: DoingTools): Promise<Doing> {
  return record.kind === 'execution' ? openTasks(record, tools.server.sharing, tools) : openBlobs(record, tools)
}
