/** What reports are made of. */

import type { Execution, Task } from '../../core/execution.ts'
import type { LogLine } from '../../history/history.ts'
import type { Heading } from './view.ts'

/** An execution with its tasks. */
export interface ReportedExecution {
  readonly execution: Execution
  readonly tasks: readonly Task[]
  /** The last of its log lines, and how many there are; read only for reports that show them. */
  readonly logs?: ReportedLogs
  /** From where to where; read only for reports that show it. */
  readonly heading?: Heading
}

export interface ReportedLogs {
  readonly lines: readonly LogLine[]
  readonly total: number
  /** `23.6 MiB/s`: what the run itself said when all was transferred. */
  readonly rate?: string | undefined
}
