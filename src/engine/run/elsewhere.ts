/** Tasks that other machines do: what the transfer stage needs of whatever gives them away. */

import type { HangingTags } from '../../core/content.ts'
import type { Context } from '../../core/context.ts'
import type { Policy } from '../../core/policy.ts'
import type { Registry } from '../../core/registry.ts'
import type { ContentNames } from '../../history/content-names.ts'
import type { ManifestMemory } from '../endpoint.ts'
import type { RunTask } from './runner.ts'

/** The tasks of one run. */
export interface ElsewhereRun {
  readonly execution: number
  readonly policy: Policy
  readonly source: Registry
  readonly destinations: readonly Registry[]
  /** Blob streams at once over all machines, where the user said how many. */
  readonly concurrency?: number | undefined
  /** Bytes a second over all machines. */
  readonly bandwidth?: number | undefined
  readonly thorough?: boolean | undefined
  readonly names?: ContentNames | undefined
  /** Manifests that the plan has read: machines that get them need not read them again, which a registry may count as a pull. */
  readonly memory: ManifestMemory
  /** What a list has told of a repository of the source. */
  readonly hanging: (repository: string) => HangingTags | undefined
  /** What this process does itself: tasks of which a side is a local path. */
  readonly local: RunTask
}

export interface Elsewhere {
  /** Ready to be given tasks. To be ended. */
  begin(run: ElsewhereRun, ctx: Context): Promise<TasksElsewhere>
}

export interface TasksElsewhere {
  /** As a task that runs here: its events, its figures and its failure are the same. */
  readonly run: RunTask
  /** How many tasks are worth giving away at this moment. */
  readonly atOnce: () => number
  /** Set once the run is stopped while tasks wait for machines of which there are none: why, and what to do about it. */
  readonly absence: () => string | undefined
  end(): Promise<void>
}
