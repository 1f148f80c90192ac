/** What a worker does of one run: its tasks (`tasks.ts`), or the reading of its blobs (`blobs.ts`). */

import type { Context } from '../../core/context.ts'
import type { Done } from '../../engine/run/runner.ts'
import type { GivenWork, JobData, TaskEnd } from '../protocol.ts'

export interface Doing {
  /** Throws what it fails with. `done` grows meanwhile. */
  carryOut(given: GivenWork, hanging: JobData['hanging'], done: Done, ctx: Context): Promise<void>
  /** What is told of it at its end, beside its failure. */
  resultOf(done: Done): Omit<TaskEnd, 'error'>
  release(): Promise<void>
}
