/** What happens during an execution, as telemetry: renderers, the history's log and metrics subscribe. */

import type { Digest } from './descriptor.ts'
import type { Task } from './execution.ts'

export type Level = 'debug' | 'info' | 'warning' | 'error'
export type Stage = 'prepare' | 'transfer' | 'post'

export type Event =
  | { readonly type: 'stage'; readonly stage: Stage; readonly state: 'started' | 'ended'; readonly text: string }
  /** How many more tasks there are (`bare` of them send nothing), and how many more bytes `task` will send: what the destination lacks.
   *  Fewer than none where others bring what was counted. */
  | {
      readonly type: 'planned'
      readonly tasks: number
      readonly bytes: number
      readonly bare?: number
      readonly task?: number
    }
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
      /** What carries it, where that is not this process. */
      readonly worker?: string
    }
  /** The stream begins at this byte, for the first time or again: what stands before it is at the destination already. */
  | { readonly type: 'blob-offset'; readonly id: string; readonly bytes: number }
  /** So many bytes of the blob have been passed on, those before its offset included. */
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
      readonly task?: number
    }
  /** No byte moves until it is resumed. */
  | { readonly type: 'paused'; readonly paused: boolean }
  | {
      readonly type: 'waiting'
      readonly reason: string
      readonly until?: string
      /** It goes on only once somebody does something about it: said under `--quiet`, too. */
      readonly stuck?: true
    }
  /** One request, once its answer has begun or it has failed; only where requests are traced. No secret is in `url`. */
  | {
      readonly type: 'request'
      readonly method: string
      readonly url: string
      /** Milliseconds until the answer began. */
      readonly duration: number
      readonly status?: number
      /** Why there was no answer. */
      readonly failure?: string
      /** Bytes of its body, and of the answer's as the server announced them. */
      readonly sent?: number
      readonly received?: number
      /** 1 is the first. */
      readonly attempt?: number
      /** What has sent it, where that is not this process. */
      readonly worker?: string
    }

export type RequestEvent = Extract<Event, { readonly type: 'request' }>
