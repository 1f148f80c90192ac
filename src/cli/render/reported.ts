/** What reports are made of. */

import type { Execution, Task } from '../../core/execution.ts'
import type { LogLine } from '../../history/history.ts'

/** An execution with its tasks. */
export interface ReportedExecution {
  readonly execution: Execution
  readonly tasks: readonly Task[]
  /** The last of its log lines, and how many there are; read only for reports that show them. */
  readonly logs?: { readonly lines: readonly LogLine[]; readonly total: number }
}
