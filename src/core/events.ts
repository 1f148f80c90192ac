/** What happens during an execution, as telemetry: renderers, the history's log and metrics subscribe. */

import type { Digest } from './descriptor.ts'
import type { Task } from './execution.ts'

export type Level = 'debug' | 'info' | 'warning' | 'error'
export type Stage = 'prepare' | 'transfer' | 'post'

export type Event =
  | { readonly type: 'stage'; readonly stage: Stage; readonly state: 'started' | 'ended'; readonly text: string }
  /** How many tasks there are, and how many bytes at most; grows while the plan is made. */
  | { readonly type: 'planned'; readonly tasks: number; readonly bytes: number }
  | { readonly type: 'log'; readonly level: Level; readonly text: string; readonly task?: number }
  /** A task has ended, as the history has it. */
  | { readonly type: 'task'; readonly task: Task }
  /** `id` is unique among the blobs of a run. */
  | {
      readonly type: 'blob-started'
      readonly id: string
      readonly digest: Digest
      readonly size: number
      readonly name: string
    }
  | { readonly type: 'blob-progress'; readonly id: string; readonly bytes: number }
  | {
      readonly type: 'blob-ended'
      readonly id: string
      readonly outcome: 'copied' | 'mounted' | 'present' | 'failed'
      readonly size: number
    }
  | {
      readonly type: 'retry'
      readonly what: string
      readonly attempt: number
      readonly delay: number
      readonly reason: string
    }
  | { readonly type: 'waiting'; readonly reason: string; readonly until?: string }
