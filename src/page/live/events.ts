/** What the daemon tells as it happens, by its type. */

import type { Execution } from '../../serve/api/schema/execution.ts'
import type { LogLineData } from '../../serve/api/schema/log.ts'

export type LogLine = LogLineData

/** What a window shows: an execution, and of its log one task or everything. */
export interface Subject {
  readonly execution: number
  readonly task: number | undefined
}

/** How far an execution is, as its process tells it while it runs. */
export interface Progress {
  readonly bytes: number
  readonly settled: number
  readonly received: number
  readonly blobs: readonly {
    readonly id: string
    readonly name: string
    readonly digest: string
    readonly size: number
    readonly bytes: number
  }[]
}

interface Hello {
  readonly version: string
  /** By the daemon's clock. */
  readonly time: string
}

/** What all windows hear. */
export interface CommonData {
  readonly hello: Hello
  /** Too much was missed, so that everything shown must be read anew. */
  readonly reset: Hello
  readonly execution: Execution
  readonly registry: { readonly name: string; readonly status: string; readonly status_reason: string | null }
  /** Read anew; or why it is not in force. */
  readonly configuration: { readonly error: string | null }
  readonly draining: { readonly running: number; readonly within: number }
}

/** What only the windows that show an execution hear. */
export interface SubjectData {
  readonly progress: { readonly execution: number; readonly progress: Progress | null }
  readonly log: LogLine
}

type Told<Data> = { readonly [T in keyof Data]: { readonly type: T; readonly data: Data[T] } }[keyof Data]

export type CommonEvent = Told<CommonData>
/** Lines of a log come gathered, with the subject that they are of. */
export type LiveEvent =
  | CommonEvent
  | Told<Pick<SubjectData, 'progress'>>
  | { readonly type: 'log'; readonly data: { readonly subject: Subject; readonly lines: readonly LogLine[] } }
